import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflows } from '../local/workflow-bundle.ts';

// Run by the build on what tsc made: workers then start without webpack, all with the same code.
const workflows = new URL('../../workflows/index.js', import.meta.url);
const target = new URL('../../workflow-bundle.js', import.meta.url);

const { code } = await bundleWorkflows(fileURLToPath(workflows));
writeFileSync(target, code);
