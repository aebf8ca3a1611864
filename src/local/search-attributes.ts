import type { Connection } from '@temporalio/client';

/** What an operator can search orders by in Temporal's pages. */
export const SEARCH_ATTRIBUTES = {
  MerchantId: 'Keyword',
  AmountMinor: 'Int',
  Currency: 'Keyword',
  Source: 'Keyword',
  Attention: 'Keyword',
} as const;

// Temporal's own numbers for the types (IndexedValueType).
const TYPE_NUMBERS = { Keyword: 2, Int: 3 } as const;

/**
 * For a namespace that was not made by our `start-dev`: a workflow that is started with a search
 * attribute its namespace does not know is refused.
 */
export async function addSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const known = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !(name in known.customAttributes));
  if (missing.length === 0) return;
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, TYPE_NUMBERS[type]])),
  });
}
