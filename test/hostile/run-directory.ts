/** Mutations of folders that Thaw writes and reads again: other contents, or something else in place of a file. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { readSafetensors } from '../../src/compiler/step/index.ts';
import type { Random } from '../../src/random.ts';
import type { Project } from '../node/commands/project.ts';
import { mutateBytes, mutateJson, mutateText } from './mutate.ts';
import { mutateGraph } from './mutate-graph.ts';
import { mutateSafetensors, sealed } from './mutate-safetensors.ts';
import { COMMANDS, contentOf, KINDS, type Kind, makeFolders } from './run-projects.ts';

/** The description of a mutant, as self-contained JSON. */
interface Mutant {
  readonly command: string;
  readonly changes: readonly Change[];
}

type Put = (typeof PUTS)[number] | 'bytes';
export interface Change {
  readonly file: string;
  readonly put: Put;
  /** The bytes, in base64. */
  readonly content?: string;
}

/** Replacements for a file. */
const PUTS = ['nothing', 'empty', 'folder', 'full folder', 'loop', 'dangling', 'outside', 'pipe', 'huge'] as const;

const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)];

let project: Project;
let files: ReadonlyMap<Kind, readonly string[]>;

const encode = (mutant: Mutant): Uint8Array => Buffer.from(JSON.stringify(mutant));
const decode = (content: Uint8Array): Mutant => JSON.parse(Buffer.from(content).toString());

/** Every command on an unchanged folder. */
export async function corpus(): Promise<Uint8Array[]> {
  project = await makeFolders();
  process.on('exit', () => project.remove());
  const filesOf = (kind: Kind) =>
    readdirSync(join(project.folder, kind), { recursive: true, encoding: 'utf8' }).filter((file) =>
      statSync(join(project.folder, kind, file)).isFile(),
    );
  files = new Map(KINDS.map((kind) => [kind, filesOf(kind)]));
  return Object.keys(COMMANDS).map((command) => encode({ command, changes: [] }));
}

// --- changes ---------------------------------------------------------------------------------------------------------

/** Output files that Thaw does not read again. */
const WRITTEN = /\.(png|jpg|html|md)$|^artifacts\/|tfevents/;
/** Other files that commands look for. */
const LOOKED_FOR = ['.lock', '.lock.takeover', 'unfinished.json', 'sweep.json', 'checkpoints', 'model', 'artifacts'];

/** One or two changes, of files that Thaw reads or of any file. */
export function mutate(content: Uint8Array, random: Random): Uint8Array {
  const once = changedOnce(content, random);
  return random.below(4) ? once : changedOnce(once, random);
}

function changedOnce(content: Uint8Array, random: Random): Uint8Array {
  const { command, changes } = decode(content);
  const [kind] = COMMANDS[command];
  const all = files.get(kind)!;
  const read = all.filter((file) => !WRITTEN.test(file));
  const file = pick(random, random.below(8) ? read : [...all, ...LOOKED_FOR, ...LOOKED_FOR]);
  const kept = changes.filter((change) => change.file !== file);
  return encode({ command, changes: [...kept, ...changesOf(kind, file, random)] });
}

const bytes = (file: string, content: Uint8Array): Change => ({
  file,
  put: 'bytes',
  content: Buffer.from(content).toString('base64'),
});

function changesOf(kind: Kind, file: string, random: Random): readonly Change[] {
  if (random.below(6) === 0) return [{ file, put: pick(random, PUTS) }];
  if (!files.get(kind)!.includes(file)) return [bytes(file, synthetic(file, random))];
  const content = contentOf(project, kind, file);
  if (file.endsWith('checkpoints/source.onnx') && random.below(4)) return changedSource(kind, file, random);
  return [bytes(file, changed(file, content, random))];
}

/** The contents of a file that a run rarely has. */
function synthetic(file: string, random: Random): Uint8Array {
  const owner = { pid: process.pid, host: hostname(), began: null, boot: null, token: 'x' };
  const making = { what: 'something', command: 'thaw' };
  const json = Buffer.from(JSON.stringify(file.startsWith('.lock') ? owner : making));
  return random.below(3) ? mutateJson(json, random, [json]) : json;
}

function changed(file: string, content: Uint8Array, random: Random): Uint8Array {
  if (random.below(12) === 0) return mutateBytes(content, random, [content]);
  if (file.endsWith('.json')) return mutateJson(content, random, [content]);
  if (file.endsWith('.jsonl')) return changedLine(content, random);
  if (file.endsWith('.safetensors')) return mutateSafetensors(content, random);
  if (file.endsWith('.onnx')) return mutateGraph(content, random, [content]);
  // JSON is also YAML.
  if (file.endsWith('.yaml') && random.below(2)) return jsonOf(parse(Buffer.from(content).toString()), random);
  return mutateText(content, random, [content]);
}

const jsonOf = (value: unknown, random: Random): Uint8Array => {
  const json = Buffer.from(JSON.stringify(value));
  return mutateJson(json, random, [json]);
};

function changedLine(content: Uint8Array, random: Random): Uint8Array {
  const lines = Buffer.from(content).toString().split('\n');
  const at = random.below(Math.max(1, lines.length - 1));
  const json = Buffer.from(lines[at]);
  const change = random.below(6);
  if (change === 0) lines.splice(at, 1);
  else if (change === 1) lines.splice(random.below(lines.length), 0, lines[at]);
  else lines[at] = Buffer.from(mutateJson(json, random, [json])).toString();
  return Buffer.from(lines.join('\n'));
}

/** A changed model. A file next to it contains its checksum. */
function changedSource(kind: Kind, file: string, random: Random): readonly Change[] {
  const model = contentOf(project, kind, file);
  const notes = file.replace(/onnx$/, 'json');
  const next = mutateGraph(model, random, [model]);
  const told = JSON.parse(Buffer.from(contentOf(project, kind, notes)).toString());
  told.files['source.onnx'] = createHash('sha256').update(next).digest('hex');
  return [bytes(file, next), bytes(notes, Buffer.from(JSON.stringify(told)))];
}

/** Changes one value in a JSON or YAML file, in the first line of JSON lines, or in a checkpoint's metadata. */
export function changedText(
  command: string,
  { file, path, value }: { readonly file: string; readonly path: string; readonly value: unknown },
): Change {
  const content = contentOf(project, COMMANDS[command][0], file);
  const keys = path.split('.');
  if (file.endsWith('.safetensors')) {
    const { tensors, metadata } = readSafetensors(content);
    const [key, ...rest] = keys;
    const told = withValue(JSON.parse(metadata[key]), rest, value);
    return bytes(file, sealed(tensors, { ...metadata, [key]: JSON.stringify(told) }));
  }
  const text = Buffer.from(content).toString();
  const [first, ...others] = file.endsWith('.jsonl') ? text.split('\n') : [text];
  return bytes(file, Buffer.from([JSON.stringify(withValue(parse(first), keys, value)), ...others].join('\n')));
}

function withValue(root: unknown, keys: readonly string[], value: unknown): unknown {
  const [key, ...rest] = keys;
  const holder = root as Record<string, unknown>;
  if (rest.length) withValue(holder[key], rest, value);
  else Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
  return root;
}

// --- trials ----------------------------------------------------------------------------------------------------------

/** Replaces a file with something else. */
function put(folder: string, { file, put: what, content = '' }: Change): void {
  const path = join(folder, file);
  // An earlier change may have replaced its folder.
  const parent = lstatSync(dirname(path), { throwIfNoEntry: false });
  if (parent && !parent.isDirectory()) return;
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  if (what === 'bytes') writeFileSync(path, Buffer.from(content, 'base64'));
  else if (what === 'empty') writeFileSync(path, '');
  else if (what === 'folder' || what === 'full folder') {
    mkdirSync(path);
    if (what === 'full folder') writeFileSync(join(path, 'inside'), 'x');
  } else if (what === 'loop') symlinkSync(path, path);
  else if (what === 'dangling') symlinkSync(join(folder, '..', 'nowhere'), path);
  else if (what === 'outside') symlinkSync(join(folder, '..', 'outside', 'secret'), path);
  else if (what === 'pipe') execFileSync('mkfifo', [path]);
  else if (what === 'huge') {
    writeFileSync(path, '');
    // A sparse file takes no disk space.
    truncateSync(path, 3 * 2 ** 30);
  }
  // A command would wait for a lock that is being written.
  if (file.startsWith('.lock') && what !== 'nothing' && what !== 'loop' && what !== 'dangling')
    utimesSync(path, 1000, 1000);
}

const SECRET = 'a file of the user, outside of the run';

/** @returns the outcome of the command on the changed folder */
export async function attempt(content: Uint8Array, folder: string): Promise<string> {
  const { command, changes } = decode(content);
  const [kind, run] = COMMANDS[command];
  const place = join(folder, 'trial');
  const [path, outside] = [join(place, 'run'), join(place, 'outside')];
  mkdirSync(outside, { recursive: true });
  writeFileSync(join(outside, 'secret'), SECRET);
  cpSync(join(project.folder, kind), path, { recursive: true });
  const here = process.cwd();
  const untouched = () =>
    readdirSync(outside).join() === 'secret' && readFileSync(join(outside, 'secret'), 'utf8') === SECRET;
  try {
    for (const change of changes) put(path, change);
    // A damaged file may contain paths relative to this folder.
    process.chdir(place);
    const outcome = run(path, project);
    await outcome.catch(() => undefined);
    if (!untouched()) throw new Error('a file outside of the run was changed');
    return `${command}: ${await outcome}`;
  } finally {
    process.chdir(here);
    rmSync(place, { recursive: true, force: true });
  }
}
