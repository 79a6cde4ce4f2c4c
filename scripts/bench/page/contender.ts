/**
 * A contender in a page of its own browser: `contender.ts SCRIPT [PYTHON]`. The script runs in a worker of the page. PYTHON, an
 * interpreter with onnxruntime-training, creates the artifacts for it.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { launch, runtimeAssets, type Site, serveFolders } from '../../../test/web/browser.ts';
import type { PeakMemory, StepsReady, StepsRequest, StepsTaken } from '../protocol.ts';
import { serve, threads } from '../workers/serve.ts';
import type { PageRequest } from './protocol.ts';

const [script, python] = process.argv.slice(2);
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

let folder: string;
let site: Site | undefined;
let browser: Browser | undefined;
let page: Page;

async function prepare(request: StepsRequest): Promise<StepsReady> {
  folder = await mkdtemp(join(tmpdir(), 'thaw-bench-page-'));
  const artifacts = join(folder, 'artifacts');
  await mkdir(artifacts);
  if (python) {
    const { files, trainable } = request;
    const file = here('../python/ort_artifacts.py');
    await promisify(execFile)(python, [file, files.folded, artifacts, ...trainable.folded], { maxBuffer: 2 ** 26 });
  }
  await build({
    entryPoints: { page: here('page.ts'), worker: script },
    outdir: join(folder, 'scripts'),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'error',
  });
  const peers = here('../peers/node_modules');
  const folders = { scripts: join(folder, 'scripts'), networks: request.data, ort: runtimeAssets(), artifacts, peers };
  site = await serveFolders(folders, true, '/scripts/page.js');
  browser = await launch(['--enable-unsafe-swiftshader']);
  page = await browser.newPage();
  page.on('console', (message) => console.error(message.text()));
  await page.goto(site.address);
  await page.waitForFunction(() => 'ask' in globalThis);
  return ask<StepsReady>('prepare', inPage(request, site.address));
}

/** The request, with addresses instead of files. */
function inPage({ files, weights, ...rest }: StepsRequest, address: string): PageRequest {
  const at = (file: string) => `${address}networks/${basename(file)}`;
  return {
    ...rest,
    files: { folded: at(files.folded), kept: at(files.kept) },
    weights: at(weights),
    data: `${address}networks`,
    threads: threads(),
    artifacts: `${address}artifacts`,
    ort: `${address}ort`,
    peers: `${address}peers`,
  };
}

async function ask<T extends object>(name: string, argument: unknown): Promise<T> {
  const answer = await page.evaluate(
    // biome-ignore lint/suspicious/noExplicitAny: the page's script put it there
    ([name, argument]) => (globalThis as any).ask(name, argument) as Promise<T & { error?: string }>,
    [name, argument] as const,
  );
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer;
}

async function step(count: number): Promise<StepsTaken> {
  const before = await processorTime();
  const taken = await ask<Omit<StepsTaken, 'cpu'>>('step', count);
  return { ...taken, cpu: (await processorTime()) - before };
}

async function processes() {
  const session = await browser!.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo;
}

/** CPU seconds of all the browser's processes. */
const processorTime = async (): Promise<number> => (await processes()).reduce((all, { cpuTime }) => all + cpuTime, 0);

/** The peak memory of the page's process and of the GPU process, each at its own time. */
async function memory(): Promise<PeakMemory> {
  if (process.platform !== 'linux') throw new Error('the memory of a page is only read on Linux');
  const computing = (await processes()).filter(({ type }) => type === 'renderer' || type === 'GPU');
  const peaks = computing.map(({ id }) => {
    const [, kilobytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/status`, 'utf8'))!;
    return Number(kilobytes) * 1024;
  });
  return { bytes: peaks.reduce((a, b) => a + b, 0) };
}

await serve({ prepare, step, memory });
await browser?.close();
await site?.close();
if (folder!) await rm(folder, { recursive: true });
