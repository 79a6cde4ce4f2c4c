/** ONNX Runtime's two packages in Node: whether they work here, and how to install them. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ThawError } from '../../errors.ts';
import { ONNXRUNTIME } from '../../version.ts';
import { firstLine, type Ort } from '../ort-session.ts';
import { INSTALL_RUNTIME } from './install.ts';
import { disableTelemetry } from './telemetry.ts';

const require = createRequire(import.meta.url);

/** The version of an installed package, or null. Read from package.json, because loading a broken native package throws. */
export async function packageVersion(name: string): Promise<string | null> {
  try {
    // Searches from the main file's folder upwards, because not every package exports its package.json.
    for (let folder = dirname(require.resolve(name)); ; folder = dirname(folder)) {
      const text = await readFile(`${folder}/package.json`, 'utf8').catch(() => undefined);
      const found = text && (JSON.parse(text) as { name?: string; version?: string });
      if (found && found.name === name) return found.version ?? null;
      if (folder === dirname(folder)) return null;
    }
  } catch {
    return null;
  }
}

/** Why a package or a device does not work, and how to get it. One line each. */
export interface Obstacle {
  readonly reason: string;
  readonly howToGetIt: string;
}

/**
 * Platforms with a binary in onnxruntime-node 1.30. Intel Macs have none since 1.24 (the package's README still lists them). Linux needs
 * glibc 2.28 or later; musl has none.
 */
export const BINARIES: readonly string[] = ['linux-x64', 'linux-arm64', 'win32-x64', 'win32-arm64', 'darwin-arm64'];
const WHERE = 'Linux (glibc) and Windows on x64 and arm64, and macOS on arm64';

export const INSTALL_WEB = `npm install onnxruntime-web@${ONNXRUNTIME}`;

export const platformName = (): string => `${process.platform}-${process.arch}`;

const MUSL = 'musl';

/** The C library of this Linux: musl, if Node's report has no glibc version. Undefined if Node reports nothing. */
export function cLibrary(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const report = process.report as (NodeJS.ProcessReport & { excludeNetwork?: boolean }) | undefined;
  // Otherwise, newer versions of Node look up the names of all network addresses.
  if (report) report.excludeNetwork = true;
  const { header } = (report?.getReport() ?? {}) as { header?: { glibcVersionRuntime?: string } };
  if (!header) return undefined;
  return header.glibcVersionRuntime === undefined ? MUSL : `glibc ${header.glibcVersionRuntime}`;
}

/** The folder of onnxruntime-node, if it is installed. */
export function nativeFolder(): string | undefined {
  try {
    return dirname(require.resolve('onnxruntime-node/package.json'));
  } catch {
    return undefined;
  }
}

/** An obstacle to onnxruntime-node that is known without loading it. */
export function foreseenObstacle(): Obstacle | undefined {
  const folder = nativeFolder();
  const binding = folder && join(folder, 'bin/napi-v6', process.platform, process.arch, 'onnxruntime_binding.node');
  const library = cLibrary();
  const musl = library === MUSL;
  const instead = `${INSTALL_WEB}, and use --device wasm`;
  // A locally built package can have a binary that the published one lacks.
  const none = BINARIES.includes(platformName()) || (binding && existsSync(binding)) ? undefined : platformName();
  if (musl || none)
    return {
      reason: `onnxruntime-node has no binary for ${musl ? 'musl (Alpine)' : none}, only for ${WHERE}`,
      howToGetIt: instead,
    };
  const [, major, minor] = /^glibc (\d+)\.(\d+)/.exec(library ?? '') ?? [];
  if (Number(major) < 2 || (Number(major) === 2 && Number(minor) < 28))
    return { reason: `onnxruntime-node needs glibc 2.28 or later, but this is ${library}`, howToGetIt: instead };
  if (!folder) return { reason: 'onnxruntime-node is not installed', howToGetIt: INSTALL_RUNTIME };
  return undefined;
}

let native: Promise<Ort | Obstacle> | undefined;

const isObstacle = (found: Ort | Obstacle): found is Obstacle => 'reason' in found;

/** onnxruntime-node, or why it cannot be loaded: npm skips it if its install script fails, and an old glibc cannot load it. */
const findNative = async (): Promise<Ort | Obstacle> => {
  const obstacle = foreseenObstacle();
  if (obstacle) return obstacle;
  disableTelemetry();
  return import('onnxruntime-node').catch((cause) => ({
    reason: `onnxruntime-node cannot be loaded: ${firstLine(cause)}`,
    howToGetIt: INSTALL_RUNTIME,
  }));
};

/** Why onnxruntime-node cannot be used; undefined if it can. Loads it. */
export async function nativeObstacle(): Promise<Obstacle | undefined> {
  native ??= findNative();
  const found = await native;
  return isObstacle(found) ? found : undefined;
}

/** @throws ThawError `device` if onnxruntime-node cannot be used */
export async function loadNative(): Promise<Ort> {
  native ??= findNative();
  const found = await native;
  if (isObstacle(found)) throw new ThawError('device', found.reason, found.howToGetIt);
  return found;
}

/** Why onnxruntime-web cannot be used; undefined if the right version is installed. */
export async function webObstacle(): Promise<Obstacle | undefined> {
  const installed = await packageVersion('onnxruntime-web');
  if (installed === ONNXRUNTIME) return undefined;
  return {
    reason: installed
      ? `onnxruntime-web ${installed} is installed, but ${ONNXRUNTIME} is needed`
      : 'onnxruntime-web is not installed',
    howToGetIt: INSTALL_WEB,
  };
}

/** Combines the obstacles of both packages. */
export function neitherWorks(native: Obstacle, web: Obstacle): Obstacle {
  const faster = native.howToGetIt === INSTALL_RUNTIME ? `, or (faster) ${INSTALL_RUNTIME}` : '';
  return { reason: `${native.reason}, and ${web.reason}`, howToGetIt: `${web.howToGetIt}${faster}` };
}

/** @throws ThawError `device` if onnxruntime-web is not installed, has another version, or does not load */
export async function loadWeb(): Promise<Ort> {
  const obstacle = await webObstacle();
  if (obstacle) throw new ThawError('device', obstacle.reason, obstacle.howToGetIt);
  try {
    return await import('onnxruntime-web');
  } catch (cause) {
    throw new ThawError('device', `onnxruntime-web cannot be loaded: ${firstLine(cause)}`, INSTALL_WEB, { cause });
  }
}
