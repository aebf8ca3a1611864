import { z } from 'zod';

const DEVELOPMENT_SECRET = 'development-only-secret-0123456789abcdef';
const SECRET_BYTES_MIN = 32;

const port = z.coerce.number().int().min(0).max(65_535);
const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ''));
const secret = z
  .string()
  .refine((text) => Buffer.byteLength(text) >= SECRET_BYTES_MIN, `needs ${SECRET_BYTES_MIN} bytes or more`);

const schema = z
  .object({
    PAYFLOW_MODE: z.enum(['development', 'production']).default('development'),
    DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
    SECRET_KEY: secret.default(DEVELOPMENT_SECRET),
    WEBHOOK_SIGNING_SECRET: secret.default(DEVELOPMENT_SECRET),
    ACCESS_TOKEN_EXPIRE_MINUTES: z.coerce.number().int().min(1).max(1440).default(30),
    PORT: port.default(8000),
    PAYFLOW_PROXY_HOPS: z.coerce.number().int().min(0).max(9).default(0),
    PAYFLOW_API_URL: url.default('http://localhost:8000'),
    FRONTEND_URL: url.default('http://localhost:8000'),
    TEMPORAL_ADDRESS: z.string().default('127.0.0.1:7233'),
    TEMPORAL_NAMESPACE: z.string().default('default'),
    TEMPORAL_API_KEY: z.string().optional(),
    TEMPORAL_TLS: z.stringbool().default(false),
    PAYFLOW_BANK_URL: url.default('http://127.0.0.1:8010'),
    PAYFLOW_BANK_API_KEY: secret.default(DEVELOPMENT_SECRET),
    PAYFLOW_BANK_CALLBACK_SECRET: secret.default(DEVELOPMENT_SECRET),
    PAYFLOW_DATABASE_POOL: z.coerce.number().int().min(2).max(200).default(20),
    PAYFLOW_CAPTURE_DAYS: z.coerce.number().int().min(1).max(30).default(5),
    PAYFLOW_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
    PAYFLOW_CHAOS_URL: url.optional(),
  })
  .superRefine((env, context) => {
    if (env.PAYFLOW_MODE !== 'production') return;
    if (env.PAYFLOW_CHAOS_URL !== undefined) {
      context.addIssue({ code: 'custom', path: ['PAYFLOW_CHAOS_URL'], message: 'is for development only' });
    }
    for (const name of [
      'SECRET_KEY',
      'WEBHOOK_SIGNING_SECRET',
      'PAYFLOW_BANK_API_KEY',
      'PAYFLOW_BANK_CALLBACK_SECRET',
    ] as const) {
      if (env[name] === DEVELOPMENT_SECRET) {
        context.addIssue({ code: 'custom', path: [name], message: 'has no default in production' });
      }
    }
  });

/** Variables of the launcher (`payflow up`), known here so that a misspelt name is still refused. */
const LAUNCHER_VARIABLES = [
  'PAYFLOW_HOME',
  'PAYFLOW_BANK_PORT',
  'PAYFLOW_SHOP_PORT',
  'PAYFLOW_TEMPORAL_PORT',
  'PAYFLOW_UI_PORT',
  'PAYFLOW_POSTGRES_PORT',
];

/** The names of all settings of the API and the worker. */
export const SETTINGS: readonly string[] = Object.keys(schema.shape);

/** What reaching Temporal takes: all that some commands need of the environment. */
const temporalSchema = z.object({
  TEMPORAL_ADDRESS: schema.shape.TEMPORAL_ADDRESS,
  TEMPORAL_NAMESPACE: schema.shape.TEMPORAL_NAMESPACE,
  TEMPORAL_API_KEY: schema.shape.TEMPORAL_API_KEY,
  TEMPORAL_TLS: schema.shape.TEMPORAL_TLS,
});

export type Config = ReturnType<typeof loadConfig>;

/** Reads the environment once. Throws one Error that names every fault. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>) {
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('PAYFLOW_') && !(name in schema.shape) && !LAUNCHER_VARIABLES.includes(name),
  );
  const parsed = schema.safeParse(env);
  const faults = [...faultsOf(parsed.error), ...unknown.map((name) => `${name}: no such setting`)];
  if (!parsed.success || faults.length > 0) {
    throw new Error(`The configuration is not usable:\n  ${faults.join('\n  ')}`);
  }
  const values = parsed.data;
  return Object.freeze({
    development: values.PAYFLOW_MODE === 'development',
    databaseUrl: values.DATABASE_URL,
    databasePool: values.PAYFLOW_DATABASE_POOL,
    secretKey: values.SECRET_KEY,
    webhookSigningSecret: values.WEBHOOK_SIGNING_SECRET,
    accessTokenMinutes: values.ACCESS_TOKEN_EXPIRE_MINUTES,
    port: values.PORT,
    /** How many proxies of the operator's stand in front of the API, each adding to X-Forwarded-For. */
    proxyHops: values.PAYFLOW_PROXY_HOPS,
    apiUrl: values.PAYFLOW_API_URL,
    frontendUrl: values.FRONTEND_URL,
    temporal: temporalOf(values),
    bank: {
      url: values.PAYFLOW_BANK_URL,
      apiKey: values.PAYFLOW_BANK_API_KEY,
      callbackSecret: values.PAYFLOW_BANK_CALLBACK_SECRET,
    },
    captureDays: values.PAYFLOW_CAPTURE_DAYS,
    logLevel: values.PAYFLOW_LOG_LEVEL,
    /** Who is told of every step and may hold it up; null: nobody, and no code for it is loaded. */
    chaosUrl: values.PAYFLOW_CHAOS_URL ?? null,
  });
}

/** As `loadConfig`, of the Temporal server alone. */
export function loadTemporalSettings(env: Readonly<Record<string, string | undefined>>): Config['temporal'] {
  const parsed = temporalSchema.safeParse(env);
  if (parsed.success) return temporalOf(parsed.data);
  throw new Error(`The configuration is not usable:\n  ${faultsOf(parsed.error).join('\n  ')}`);
}

function temporalOf(values: z.output<typeof temporalSchema>) {
  return {
    address: values.TEMPORAL_ADDRESS,
    namespace: values.TEMPORAL_NAMESPACE,
    apiKey: values.TEMPORAL_API_KEY,
    tls: values.TEMPORAL_TLS,
  };
}

function faultsOf(error: z.ZodError | undefined): string[] {
  return error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? [];
}

/** For entry points: the configuration of this process, or a message on stderr and exit code 1. */
export function configOfThisProcess(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(1);
  }
}
