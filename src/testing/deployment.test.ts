import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { BANK_SETTINGS, loadBankConfig } from '../bank/config.ts';
import { loadConfig, SETTINGS } from '../config.ts';
import { filledIn, readCompose, readEnvExample, readRoot, sourceOf, variablesIn } from './deployment.ts';

/** What an operator copies fits what the program reads. */

const ROOT = resolve(import.meta.dirname, '../..');
const SECRET = 'f'.repeat(64);
const compose = readCompose();
const composeText = readRoot('docker-compose.yml');
const example = readEnvExample();
const services = Object.entries(compose.services);
const OURS = ['api', 'worker', 'migrate', 'temporal-prepare'];

/** .env as somebody fills it in who fills in no more than what is empty. */
function filledExample(): Record<string, string> {
  const addresses = {
    DATABASE_URL: 'postgres://payflow:secret@localhost/payflow',
    PAYFLOW_API_URL: 'https://pay.example.com',
    FRONTEND_URL: 'https://pay.example.com',
  };
  const given = example.filter(({ isDefault }) => !isDefault);
  return Object.fromEntries(
    given.map(({ name, value }) => [name, value || (addresses[name as keyof typeof addresses] ?? SECRET)]),
  );
}

/** What `docker compose` gives a service then. */
function environmentOf(name: string): Record<string, string> {
  const { environment = {} } = compose.services[name]!;
  return Object.fromEntries(
    Object.entries(environment).map(([key, value]) => [key, filledIn(value, filledExample())]),
  );
}

describe('.env.example', () => {
  test('names every setting once, and nothing else but what docker-compose.yml asks for', () => {
    const asked = variablesIn(composeText).map(({ name }) => name);
    const known = new Set([...SETTINGS, ...BANK_SETTINGS, ...asked]);
    expect(example.map(({ name }) => name).toSorted()).toEqual([...known].toSorted());
  });

  test('what is commented out is the default', () => {
    const required = { DATABASE_URL: 'postgres://localhost/payflow' };
    const defaults = example.filter(({ name, isDefault, value }) => {
      return isDefault && value !== '' && SETTINGS.includes(name);
    });
    expect(defaults.length).toBeGreaterThan(8);
    const env = Object.fromEntries(defaults.map(({ name, value }) => [name, value]));
    expect(loadConfig({ ...required, ...env })).toEqual(loadConfig(required));
  });

  test('filled in it is a configuration for production; as it stands it names what is missing', () => {
    expect(loadConfig(filledExample())).toMatchObject({ development: false, port: 8000 });
    const bare = Object.fromEntries(
      example.filter(({ isDefault }) => !isDefault).map(({ name, value }) => [name, value]),
    );
    for (const name of ['SECRET_KEY', 'WEBHOOK_SIGNING_SECRET', 'PAYFLOW_BANK_API_KEY', 'DATABASE_URL']) {
      expect(() => loadConfig(bare)).toThrow(name);
    }
  });
});

describe('docker-compose.yml', () => {
  test.each(OURS)('%s gets settings that there are, and can start with them', (name) => {
    const environment = environmentOf(name);
    expect(Object.keys(environment).filter((key) => !SETTINGS.includes(key))).toEqual([]);
    expect(loadConfig(environment)).toMatchObject({
      development: false,
      temporal: { address: 'temporal:7233', namespace: 'default' },
      bank: { url: 'http://bank:8010', apiKey: SECRET },
    });
  });

  test('every setting can be set, but for those that are for development or part of the network', () => {
    const asked = new Set(variablesIn(composeText).map(({ name }) => name));
    const fixed = ['PAYFLOW_MODE', 'DATABASE_URL', 'TEMPORAL_ADDRESS', 'TEMPORAL_API_KEY', 'TEMPORAL_TLS'];
    expect(SETTINGS.filter((name) => !asked.has(name))).toEqual([...fixed, 'PAYFLOW_CHAOS_URL']);
  });

  test('the bank gets settings that there are, and knows PayFlow by its key', () => {
    const environment = environmentOf('bank');
    expect(Object.keys(environment).toSorted()).toEqual([...BANK_SETTINGS].toSorted());
    expect(loadBankConfig(environment)).toMatchObject({
      apiKey: environmentOf('api')['PAYFLOW_BANK_API_KEY'],
      callback: { url: 'http://api:8000/callbacks/simulator', secret: SECRET },
    });
    expect(compose.services['bank']!.profiles).toEqual(['simulator']);
  });

  test('no secret has a default: without it nothing starts', () => {
    const secrets = variablesIn(composeText).filter(({ name }) => /SECRET|PASSWORD|API_KEY/.test(name));
    expect(new Set(secrets.map(({ name }) => name)).size).toBe(7);
    for (const { name, operator } of secrets) expect([name, operator]).toEqual([name, ':?']);
  });

  test('every image has a version, and PayFlow the one of package.json', () => {
    const { version } = JSON.parse(readRoot('package.json')) as { version: string };
    for (const [name, { image }] of services) {
      expect([name, image]).toEqual([name, expect.stringMatching(/^[\w/-]+:\d+\.\d+(\.\d+)?[\w.-]*$/)]);
      if (image.startsWith('payflow:')) expect(image).toBe(`payflow:${version}`);
    }
  });

  test("Temporal's server and its tools are the version that the bench builds and measures", () => {
    const [, version] = /VERSION = 'v([\d.]+)'/.exec(readRoot('bench/temporal-programs.ts')) ?? [];
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(compose.services['temporal']!.image).toBe(`temporalio/server:${version}`);
    expect(compose.services['temporal-schema']!.image).toBe(`temporalio/admin-tools:${version}`);
  });

  test("Temporal's tables are made by the plugin and from the schemas that the bench uses", () => {
    const bench = readRoot('bench/temporal-server.ts');
    const plugin = /PLUGIN = '(\w+)'/.exec(bench)?.[1];
    expect(compose.services['temporal-schema']!.environment!['SQL_PLUGIN']).toBe(plugin);
    expect(compose.services['temporal']!.environment!['DB']).toBe(plugin);
    const [script] = compose.services['temporal-schema']!.command!;
    for (const pair of ['temporal:temporal', 'temporal_visibility:visibility'])
      expect(script).toContain(pair);
    const databases = compose.configs['databases']!.content;
    for (const name of ['payflow', 'payflow_bank', 'temporal', 'temporal_visibility']) {
      expect(databases).toContain(`create database ${name} owner`);
    }
  });

  test('the tables and the namespace are there before the API and the worker', () => {
    for (const name of ['api', 'worker']) {
      expect(compose.services[name]!.depends_on).toEqual({
        migrate: { condition: 'service_completed_successfully' },
        'temporal-prepare': { condition: 'service_completed_successfully' },
      });
    }
    for (const [, { restart, command, depends_on: needs }] of services) {
      const isJob = command !== undefined && restart.startsWith('on-failure');
      for (const [needed, { condition }] of Object.entries(needs ?? {})) {
        const job = compose.services[needed]!.restart.startsWith('on-failure');
        expect([needed, condition]).toEqual([
          needed,
          job ? 'service_completed_successfully' : 'service_healthy',
        ]);
        if (!job) expect([needed, compose.services[needed]!.healthcheck]).not.toEqual([needed, undefined]);
      }
      expect(isJob || restart === 'unless-stopped').toBe(true);
    }
  });

  test('whatever node runs is built, and health checks look where the process listens', () => {
    const commands = services.flatMap(([, { command, healthcheck }]) => [
      command?.[0] === 'node' ? command : [],
      healthcheck?.test[1] === 'node' ? healthcheck.test.slice(1) : [],
    ]);
    const entries = commands.flatMap((words) => words.filter((word) => word.startsWith('dist/')));
    expect(entries.length).toBeGreaterThan(5);
    for (const entry of entries) {
      expect([entry, existsSync(resolve(ROOT, sourceOf(entry)))]).toEqual([entry, true]);
    }
    const urls = [...composeText.matchAll(/fetch\('(http:[^']+)'\)/g)].map(([, url]) => url);
    expect(urls).toEqual(['http://127.0.0.1:8000/health', 'http://127.0.0.1:8010/health']);
    expect(loadConfig(environmentOf('api')).port).toBe(8000);
  });

  test('only this machine reaches a port', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports).toHaveLength(3);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });
});

describe('Dockerfile', () => {
  const lines = readRoot('Dockerfile').split('\n');
  const of = (word: string) => lines.filter((line) => line.startsWith(`${word} `));

  test('Node has one exact version, which PayFlow runs on, on Debian', () => {
    const { engines } = JSON.parse(readRoot('package.json')) as { engines: { node: string } };
    const images = new Set(of('FROM').map((line) => line.split(' ')[1]!));
    expect(images.size).toBe(1);
    const [image] = images;
    const [, major, minor] = /^node:(\d+)\.(\d+)\.\d+-bookworm-slim$/.exec(image ?? '') ?? [];
    const [, majorMin, minorMin] = /^>=(\d+)\.(\d+)$/.exec(engines.node) ?? [];
    expect(Number(major) * 1_000 + Number(minor)).toBeGreaterThanOrEqual(
      Number(majorMin) * 1_000 + Number(minorMin),
    );
  });

  test('the last stage has no development packages, no sources, and is not root', () => {
    const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
    const copied = last.filter((line) => line.startsWith('COPY '));
    expect(copied).toEqual([
      'COPY --from=packages /payflow/node_modules node_modules',
      'COPY --from=build /payflow/dist dist',
      'COPY package.json LICENSE ./',
    ]);
    expect(of('RUN').filter((line) => line.includes('npm ci --omit=dev'))).toHaveLength(1);
    const user = last.indexOf('USER node');
    expect(user).toBeGreaterThan(0);
    expect(last.slice(user).filter((line) => line.startsWith('RUN '))).toEqual([]);
  });

  test('what it starts by itself is the API', () => {
    expect(of('CMD')).toEqual(['CMD ["node", "dist/src/server.js"]']);
  });

  test('secrets and what the build makes anew stay outside', () => {
    const ignored = readRoot('.dockerignore').split('\n');
    expect(ignored).toEqual(expect.arrayContaining(['.env', '.payflow', '.git', 'dist', '**/node_modules']));
  });
});

describe('DEPLOYMENT.md', () => {
  const document = readRoot('DEPLOYMENT.md');
  const blocks = (language: string) =>
    document
      .split('```')
      .filter((_, index) => index % 2 === 1)
      .filter((text) => text.startsWith(`${language}\n`));

  test('units and manifests start what is built', () => {
    const units = blocks('ini').map((text) => /^ExecStart=\S+ (?<entry>\S+)$/m.exec(text)?.groups?.['entry']);
    expect(units).toEqual(['dist/src/server.js', 'dist/src/worker.js']);
    for (const [entry] of document.matchAll(/dist\/src\/[\w/]+\.js/g)) {
      expect([entry, existsSync(resolve(ROOT, sourceOf(entry)))]).toEqual([entry, true]);
    }
  });

  test('no pod gets variables that PayFlow would refuse', () => {
    const manifests = blocks('yaml').flatMap((text) => parseAllDocuments(text.replace(/^yaml\n/, '')));
    const objects = manifests.map((manifest) => manifest.toJS() as Manifest);
    expect(objects.map(({ kind }) => kind)).toEqual(['Job', 'Deployment', 'Deployment', 'Service']);
    const pods = objects.flatMap(({ spec }) => spec.template?.spec ?? []);
    expect(pods.map(({ enableServiceLinks }) => enableServiceLinks)).toEqual([false, false, false]);
    // What Kubernetes would set for the service of this name.
    const linked = { ...filledExample(), PAYFLOW_API_SERVICE_HOST: '10.0.0.1' };
    expect(() => loadConfig(linked)).toThrow('PAYFLOW_API_SERVICE_HOST: no such setting');
  });

  test('processes have longer to end than they need', () => {
    const seconds = (text: string) => Number(/TimeoutStopSec=(\d+)/.exec(text)?.[1]);
    expect(blocks('ini').map(seconds)).toEqual([15, 30]);
    expect(compose.services['api']).toMatchObject({ stop_grace_period: '15s' });
    expect(compose.services['worker']).toMatchObject({ stop_grace_period: '30s' });
    const drainMs = Number(/DRAIN_MS = (\d+)_000/.exec(readRoot('src/server.ts'))?.[1]);
    expect(drainMs).toBeLessThan(15 - 5);
  });

  test('every setting it names is one', () => {
    const known = [...SETTINGS, ...BANK_SETTINGS, 'PAYFLOW_API_PORT'];
    const named = document.match(/\b(PAYFLOW|TEMPORAL|BANK)_[A-Z_]+\b/g) ?? [];
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});

interface Manifest {
  readonly kind: string;
  readonly spec: { readonly template?: { readonly spec: { readonly enableServiceLinks?: boolean } } };
}
