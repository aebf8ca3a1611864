import type { TestGlobals } from './global-setup.ts';

export default async function globalTeardown(): Promise<void> {
  await (globalThis as TestGlobals).payflowTestServices?.stop();
}
