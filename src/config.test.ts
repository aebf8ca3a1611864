import { loadConfig } from './config.ts';

const DEVELOPMENT = { DATABASE_URL: 'postgres://payflow@127.0.0.1/payflow' };
const SECRET = 'a secret of thirty-two bytes, or more';
const PRODUCTION = {
  ...DEVELOPMENT,
  PAYFLOW_MODE: 'production',
  SECRET_KEY: SECRET,
  WEBHOOK_SIGNING_SECRET: SECRET,
  PAYFLOW_BANK_API_KEY: SECRET,
  PAYFLOW_BANK_CALLBACK_SECRET: SECRET,
};
const CHAOS = { PAYFLOW_CHAOS_URL: 'http://127.0.0.1:9999' };

test('nobody is told of steps unless it is asked for', () => {
  expect(loadConfig(DEVELOPMENT).chaosUrl).toBeNull();
  expect(loadConfig({ ...DEVELOPMENT, ...CHAOS }).chaosUrl).toBe('http://127.0.0.1:9999');
});

test('production refuses to be held up at steps', () => {
  expect(loadConfig(PRODUCTION).chaosUrl).toBeNull();
  expect(() => loadConfig({ ...PRODUCTION, ...CHAOS })).toThrow('PAYFLOW_CHAOS_URL: is for development only');
});
