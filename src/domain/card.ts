/** What the payer typed; lives in memory only, on its way to the bank's vault. */
export interface CardData {
  readonly number: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
  readonly cvv: string;
  readonly name: string | null;
}

/** What may be kept of it. */
export interface CardToken {
  readonly token: string;
  readonly last4: string;
  readonly network: string;
}
