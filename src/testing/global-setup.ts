import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { bundleWorkflows } from '../local/workflow-bundle.ts';
import { startServices, type Services } from './services.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const WORKFLOWS = join(ROOT, 'workflows/index.ts');

/** For globalTeardown, which Jest runs in the same process. */
export type TestGlobals = typeof globalThis & { payflowTestServices?: Services };

/** One Postgres, one Temporal and one bundle of the workflows for all tests of this run. */
export default async function globalSetup(): Promise<void> {
  const bundling = bundleWorkflows(WORKFLOWS);
  // Looked at further below; until then it must not count as unhandled.
  bundling.catch(() => {});
  const services = await startServices({
    home: process.env['PAYFLOW_HOME'] ?? join(ROOT, '.payflow'),
    env: process.env,
  });
  try {
    process.env['PAYFLOW_TEST_WORKFLOW_BUNDLE'] = join(services.folder, 'workflow-bundle.js');
    writeFileSync(process.env['PAYFLOW_TEST_WORKFLOW_BUNDLE'], (await bundling).code);
  } catch (error) {
    // Jest calls no teardown after a setup that failed.
    await services.stop();
    throw error;
  }
  (globalThis as TestGlobals).payflowTestServices = services;
  process.env['PAYFLOW_TEST_FOLDER'] = services.folder;
  process.env['PAYFLOW_TEST_POSTGRES_URL'] = services.postgresUrl;
  process.env['PAYFLOW_TEST_TEMPORAL_ADDRESS'] = services.temporalAddress;
  process.env['PAYFLOW_TEST_TEMPORAL_PROGRAM'] = services.temporalProgram;
}
