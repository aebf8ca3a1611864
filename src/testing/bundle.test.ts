import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { bundleWorkflows } from '../local/workflow-bundle.ts';

/**
 * What is in the bundle runs again at every replay, for as long as an order lives: a module that is not
 * meant for that (a clock, a pool, a schema library) must not get in by way of a harmless import.
 */

const ROOT = resolve(import.meta.dirname, '../..');
const PACKAGES = ['@temporalio/common', '@temporalio/workflow', 'nexus-rpc', 'ms', 'long'];
const FOLDERS = ['workflows', 'src/domain'];

it('the workflows consist of src/domain, themselves and the Temporal SDK', async () => {
  const modules = await modulesOf(join(ROOT, 'workflows/index.ts'));
  expect(modules.filter((path) => !isAllowed(path))).toEqual([]);
  expect(modules).toEqual(expect.arrayContaining(['workflows/order.ts', 'src/domain/order.ts']));
});

it('a stranger in the bundle is seen', async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'payflow-bundle-')));
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const file = join(folder, 'index.ts');
    const ids = JSON.stringify(join(ROOT, 'src/domain/ids.ts'));
    writeFileSync(
      file,
      `export { ORDER_REF } from ${ids};\nexport { default as colors } from 'picocolors';\n`,
    );
    const modules = await modulesOf(file);
    expect(modules).toContain('src/domain/ids.ts');
    expect(modules.filter((path) => path.startsWith('node_modules/') && !isAllowed(path))).toEqual([
      expect.stringMatching(/^node_modules\/picocolors\//),
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** From the top of the checkout. */
async function modulesOf(workflowsPath: string): Promise<string[]> {
  const { code } = await bundleWorkflows(workflowsPath);
  const map = Buffer.from(code.slice(code.lastIndexOf('base64,') + 'base64,'.length), 'base64').toString();
  const { sources } = JSON.parse(map) as { sources: string[] };
  // Webpack's own glue has no place in the file system.
  return sources.filter((path) => isAbsolute(path)).map((path) => relative(ROOT, path));
}

function isAllowed(path: string): boolean {
  const inPackage = PACKAGES.some((name) => path.startsWith(`node_modules/${name}/`));
  return inPackage || FOLDERS.some((folder) => path.startsWith(`${folder}/`));
}
