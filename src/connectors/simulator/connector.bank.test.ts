import { createHmac, randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { startBank } from '../../bank/bank.ts';
import { createEmptyDatabase } from '../../testing/database.ts';
import type { ContractBank } from '../contract/bank.ts';
import { connectorContract } from '../contract-suite.ts';
import { createSimulatorConnector } from './connector.ts';

const API_KEY = 'api-key';
const CALLBACK_SECRET = 'callback-secret';

connectorContract('simulator', setup, { canAbandon: true });

async function setup(): Promise<ContractBank> {
  const database = await createEmptyDatabase();
  const settings = { databaseUrl: database.url, port: 0, apiKey: API_KEY, publicUrl: null, callback: null };
  const bank = await startBank(settings);
  const deafServer = await listenWithoutAnswering();
  const connect = (url: string) =>
    createSimulatorConnector({ url, apiKey: API_KEY, callbackSecret: CALLBACK_SECRET });
  const connector = connect(bank.url);
  const silent = connect(deafServer.url);
  const broken = connect('http://127.0.0.1:1');
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' };
    return (await fetch(bank.url + path, { ...init, headers })).json();
  };
  return {
    connector,
    silent,
    broken,
    currency: 'INR',
    instruments: {
      approved: { method: 'upi', instrument: { vpa: 'success@payflow' } },
      declined: { method: 'upi', instrument: { vpa: 'failure@payflow' } },
      challenged: { method: 'netbanking', instrument: {} },
      lateApproval: { method: 'upi', instrument: { vpa: 'pending@payflow' } },
    },
    countMoves: async (key) => {
      const rows = (await ask('/journal?limit=1000')) as { key: string; kind: string }[];
      return rows.filter((row) => row.key === key && row.kind !== 'abandon').length;
    },
    approveAsPayer: async (reference) => {
      await ask(`/pages/${reference}/approve`, { method: 'POST', body: '{}' });
    },
    callback: (key) => {
      const rawBody = JSON.stringify({ id: `evt_${randomUUID()}`, key, kind: 'authorize' });
      const signature = createHmac('sha256', CALLBACK_SECRET).update(rawBody).digest('hex');
      return { rawBody, headers: { 'x-bank-signature': signature } };
    },
    close: async () => {
      await Promise.all([connector.close(), silent.close(), broken.close()]);
      await Promise.all([bank.close(), deafServer.close()]);
      await database.drop();
    },
  };
}

async function listenWithoutAnswering(): Promise<{ url: string; close(): Promise<void> }> {
  // Reading without a word: an unread socket would never see its peer leave.
  const server = createServer((socket) => void socket.resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
