import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import chromium from '@sparticuz/chromium';
import { chromium as playwright, type Browser } from 'playwright-core';

/**
 * A real headless Chromium out of node_modules. Never with the package's own arguments: they switch
 * web security off, and then no test of it proves anything.
 */
export async function startBrowser(): Promise<Browser> {
  return playwright.launch({ executablePath: await unpacked(), args: ['--no-sandbox', '--disable-gpu'] });
}

/** Unpacking is not safe in parallel, so every process has a folder of its own. */
async function unpacked(): Promise<string> {
  const folder = process.env['PAYFLOW_TEST_FOLDER'] ?? tmpdir();
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = mkdtempSync(join(folder, 'chromium-'));
  try {
    return await chromium.executablePath();
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
}
