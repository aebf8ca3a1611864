import { loadBankConfig } from './config.ts';

const MINIMUM = { BANK_DATABASE_URL: 'postgresql://bank@localhost/bank', BANK_API_KEY: 'key' };

test('the least that is needed → the other settings have their defaults', () => {
  expect(loadBankConfig({ ...MINIMUM, PATH: '/bin' })).toEqual({
    databaseUrl: MINIMUM.BANK_DATABASE_URL,
    port: 8010,
    apiKey: 'key',
    publicUrl: null,
    callback: null,
  });
});

test('a public URL loses its last slash, a callback needs its secret', () => {
  const env = {
    ...MINIMUM,
    BANK_PUBLIC_URL: 'https://bank.example/',
    BANK_CALLBACK_URL: 'http://localhost:8000/callbacks/simulator',
  };
  expect(() => loadBankConfig(env)).toThrow('BANK_CALLBACK_SECRET: is needed beside BANK_CALLBACK_URL');
  expect(loadBankConfig({ ...env, BANK_CALLBACK_SECRET: 's' })).toMatchObject({
    publicUrl: 'https://bank.example',
    callback: { url: env.BANK_CALLBACK_URL, secret: 's' },
  });
});

test('several faults → all of them in one message, a misspelt name too', () => {
  const load = () => loadBankConfig({ BANK_DATABASE_URL: 'mysql://x', BANK_PORT: '70000', BANK_PROT: '1' });
  for (const fault of ['BANK_DATABASE_URL', 'BANK_PORT', 'BANK_API_KEY', 'BANK_PROT: no such setting']) {
    expect(load).toThrow(fault);
  }
});
