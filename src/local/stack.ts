import { serverAccount } from './account.ts';
import { type Demo, type DemoDeps, ensureDemo } from './demo.ts';
import {
  type Databases,
  type EngineDeps,
  givenPostgres,
  givenTemporal,
  ownPostgres,
  ownTemporal,
} from './engines.ts';
import type { Home } from './home.ts';
import {
  type Addresses,
  bankEnvironment,
  gatewayEnvironment,
  gatewayServices,
  type Keys,
} from './node-services.ts';
import { choosePorts, type PortWish } from './port-plan.ts';

export interface StackSettings {
  /** `dist`. */
  readonly build: string;
  readonly wishes: Readonly<Record<'api' | 'bank' | 'temporal' | 'ui' | 'postgres', PortWish>>;
  /** Undefined: we start our own. */
  readonly databaseUrl: string | undefined;
  readonly temporalAddress: string | undefined;
  readonly gateway: GatewayParts;
}

/** What the launcher needs of PayFlow itself. All three throw a Refusal for what a person can mend. */
export interface GatewayParts {
  /** What the API and the worker will make of these settings. */
  readonly readConfig: (env: Environment) => GatewayConfig;
  /** Returns the names of what it ran. */
  readonly migrate: (databaseUrl: string) => Promise<readonly string[]>;
  readonly createAdmin: (databaseUrl: string) => DemoDeps['createAdmin'];
}

export interface GatewayConfig {
  readonly development: boolean;
  readonly temporal: {
    readonly namespace: string;
    readonly tls: boolean;
    readonly apiKey: string | undefined;
  };
  readonly bank: Keys;
}

export interface Stack {
  readonly at: Addresses;
  /** Null where the server is not ours. */
  readonly temporalUiPort: number | null;
  readonly postgresPort: number | null;
  /** Null when it could not be made; the gateway runs all the same. */
  readonly demo: Demo | null;
  readonly development: boolean;
}

type Environment = Readonly<Record<string, string>>;

// What any program may need; the bank is another institution and gets nothing else of ours.
const SYSTEM_VARIABLES = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS'];

/** Starts everything, in the order in which one needs the other. */
export async function startStack(deps: EngineDeps, settings: StackSettings): Promise<Stack> {
  const { home, env } = deps;
  const ports = await choosePorts(wishesFor(settings));
  const base = { ...generated(home, ports.api), ...env };
  // Before anything starts: what is wrong with the settings is said at once and in full.
  const config = settings.gateway.readConfig({
    ...base,
    DATABASE_URL: settings.databaseUrl ?? 'postgres://ours',
  });

  const databases = await startPostgres(deps, settings, ports.postgres);
  const temporalAddress = await startTemporal(deps, settings, { ports, config });
  await deps.steps.step('Tables', async (note) => {
    const ran = await settings.gateway.migrate(databases.databaseUrl);
    note(ran.length === 0 ? 'up to date' : `${ran.length} migrated`);
  });

  const at: Addresses = {
    build: settings.build,
    databaseUrl: databases.databaseUrl,
    bankDatabaseUrl: databases.bankDatabaseUrl,
    temporalAddress,
    apiPort: ports.api,
    bankPort: ports.bank,
  };
  const ownEngine = settings.temporalAddress === undefined;
  await startGateway(deps, at, { base, keys: config.bank, ownEngine });
  return {
    at,
    temporalUiPort: ownEngine ? ports.ui : null,
    postgresPort: databases.port,
    demo: await makeDemo(deps, at, settings),
    development: config.development,
  };
}

type Ports = Record<keyof StackSettings['wishes'], number>;

/** The ports of servers that we do not start are nobody's business. */
function wishesFor({ wishes, databaseUrl, temporalAddress }: StackSettings): StackSettings['wishes'] {
  const none = (wish: PortWish) => ({ ...wish, port: 0 });
  return {
    ...wishes,
    ...(temporalAddress === undefined ? {} : { temporal: none(wishes.temporal), ui: none(wishes.ui) }),
    ...(databaseUrl === undefined ? {} : { postgres: none(wishes.postgres) }),
  };
}

function generated(home: Home, apiPort: number): Environment {
  const secrets = home.secrets();
  return {
    SECRET_KEY: secrets.secret_key,
    WEBHOOK_SIGNING_SECRET: secrets.webhook_signing_secret,
    PAYFLOW_BANK_API_KEY: secrets.bank_api_key,
    PAYFLOW_BANK_CALLBACK_SECRET: secrets.bank_callback_secret,
    PAYFLOW_API_URL: `http://localhost:${apiPort}`,
    FRONTEND_URL: `http://localhost:${apiPort}`,
  };
}

async function startPostgres(deps: EngineDeps, settings: StackSettings, port: number): Promise<Databases> {
  if (settings.databaseUrl !== undefined) return givenPostgres(deps, settings.databaseUrl);
  // Any free one is the one of the last start, if that is still free.
  const wishedPort = settings.wishes.postgres.port === 0 ? 0 : port;
  return ownPostgres(deps, { account: serverAccount(), wishedPort });
}

async function startTemporal(
  deps: EngineDeps,
  settings: StackSettings,
  { ports, config }: { ports: Ports; config: GatewayConfig },
): Promise<string> {
  const address = settings.temporalAddress;
  if (address === undefined) return ownTemporal(deps, { port: ports.temporal, uiPort: ports.ui });
  const { namespace, tls, apiKey } = config.temporal;
  return givenTemporal(deps, { address, namespace, tls, ...(apiKey === undefined ? {} : { apiKey }) });
}

async function startGateway(
  { home, steps, supervisor, env }: EngineDeps,
  at: Addresses,
  { base, keys, ownEngine }: { base: Environment; keys: Keys; ownEngine: boolean },
): Promise<void> {
  const system = Object.entries(env).filter(([name]) => SYSTEM_VARIABLES.includes(name));
  const publicUrl = env['BANK_PUBLIC_URL'] ?? `http://localhost:${at.bankPort}`;
  const gatewayEnv: Record<string, string> = { ...base, ...gatewayEnvironment(at, keys) };
  if (ownEngine) {
    // These belong to a server elsewhere.
    for (const name of ['TEMPORAL_NAMESPACE', 'TEMPORAL_TLS', 'TEMPORAL_API_KEY']) delete gatewayEnv[name];
  }
  const services = gatewayServices({
    at,
    bankEnv: { ...Object.fromEntries(system), ...bankEnvironment(at, keys, publicUrl) },
    gatewayEnv,
    logFile: home.logFile,
  });
  await steps.step('Bank, API and worker', () =>
    supervisor.start(services.bank, services.api, services.worker),
  );
}

async function makeDemo({ home, steps }: EngineDeps, at: Addresses, settings: StackSettings) {
  const createAdmin = settings.gateway.createAdmin(at.databaseUrl);
  const apiUrl = `http://127.0.0.1:${at.apiPort}`;
  try {
    return await steps.step('Demo merchant, admin and order', () =>
      ensureDemo({ apiUrl, home, createAdmin }),
    );
  } catch (error) {
    steps.line(`  There is no demo: ${(error as Error).message}`);
    return null;
  }
}
