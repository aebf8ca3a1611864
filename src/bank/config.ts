import { z } from 'zod';

/** What one bank process needs to know. */
export interface BankSettings {
  readonly databaseUrl: string;
  /** 0 = any free one. */
  readonly port: number;
  readonly apiKey: string;
  /** What payers' browsers call the bank by; null = `http://localhost:<port>`. */
  readonly publicUrl: string | null;
  /** Null = the bank keeps silent about what happens later and has to be asked. */
  readonly callback: { readonly url: string; readonly secret: string } | null;
  /** Only tests are in a hurry. */
  readonly timing?: Partial<Timing>;
}

export interface Timing {
  /** How long a call that is never answered keeps its line open. */
  readonly silenceMs: number;
  /** When the card that "answers after the caller's time-out" answers. */
  readonly slowAnswerMs: number;
  /** How long a payer has, as told to the merchant's side. */
  readonly actionExpiryMs: number;
  /** How long the bank itself still takes the payer's answer after that. */
  readonly actionGraceMs: number;
  /** From the first question about a `late@payflow` to its success; POST /faults overrides it. */
  readonly lateSuccessMs: number;
  /** From a callback's first failed try to the second; each later wait is four times the one before. */
  readonly callbackRetryMs: number;
}

export const TIMING: Timing = {
  silenceMs: 30_000,
  slowAnswerMs: 20_000,
  actionExpiryMs: 15 * 60_000,
  actionGraceMs: 60_000,
  lateSuccessMs: 5_000,
  callbackRetryMs: 1_000,
};

const url = z.url({ protocol: /^https?$/ });

const schema = z
  .object({
    BANK_DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
    BANK_PORT: z.coerce.number().int().min(0).max(65_535).default(8010),
    BANK_API_KEY: z.string().min(1),
    BANK_PUBLIC_URL: url.transform((text) => text.replace(/\/+$/, '')).optional(),
    BANK_CALLBACK_URL: url.optional(),
    BANK_CALLBACK_SECRET: z.string().min(1).optional(),
  })
  .refine((env) => env.BANK_CALLBACK_URL === undefined || env.BANK_CALLBACK_SECRET !== undefined, {
    path: ['BANK_CALLBACK_SECRET'],
    message: 'is needed beside BANK_CALLBACK_URL',
  });

/** The names of all settings of the bank. */
export const BANK_SETTINGS: readonly string[] = Object.keys(schema.shape);

/** Reads the bank's own environment once. Throws one Error that names every fault. */
export function loadBankConfig(env: Readonly<Record<string, string | undefined>>): BankSettings {
  const unknown = Object.keys(env).filter((name) => name.startsWith('BANK_') && !(name in schema.shape));
  const parsed = schema.safeParse(env);
  const faults = [
    ...(parsed.error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? []),
    ...unknown.map((name) => `${name}: no such setting`),
  ];
  if (!parsed.success || faults.length > 0) {
    throw new Error(`The bank's configuration is not usable:\n  ${faults.join('\n  ')}`);
  }
  const values = parsed.data;
  return {
    databaseUrl: values.BANK_DATABASE_URL,
    port: values.BANK_PORT,
    apiKey: values.BANK_API_KEY,
    publicUrl: values.BANK_PUBLIC_URL ?? null,
    callback:
      values.BANK_CALLBACK_URL !== undefined && values.BANK_CALLBACK_SECRET !== undefined
        ? { url: values.BANK_CALLBACK_URL, secret: values.BANK_CALLBACK_SECRET }
        : null,
  };
}

/** For the entry point: the settings of this process, or a message on stderr and exit code 1. */
export function bankConfigOfThisProcess(): BankSettings {
  try {
    return loadBankConfig(process.env);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(1);
  }
}
