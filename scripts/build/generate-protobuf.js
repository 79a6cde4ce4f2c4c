// Makes generated/NAME.{js,d.ts} beside each NAME.proto: static modules, since protobufjs's reflection builds its codecs with
// `Function`, which a strict content security policy refuses.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const require = createRequire(import.meta.url);
const pbjs = require('protobufjs-cli/pbjs.js');
const pbts = require('protobufjs-cli/pbts.js');

/** Below src, without their ending. */
export const PROTOCOLS = ['onnx/onnx', 'federated/flower/fleet', 'report/event'];

const modified = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

for (const name of PROTOCOLS) {
  const source = `src/${name}.proto`;
  const folder = join(dirname(source), 'generated');
  const [code, types] = ['js', 'd.ts'].map((ending) => `${folder}/${name.split('/').at(-1)}.${ending}`);
  if (modified(types) >= Math.max(modified(source), modified('package-lock.json'))) continue;
  mkdirSync(folder, { recursive: true });
  await promisify(pbjs.main)([
    ...['--target', 'static-module', '--wrap', 'es6', '--es6', '--keep-case', '--root', 'thaw'],
    ...['--no-create', '--no-verify', '--no-convert', '--no-delimited', '--no-service', '--no-typeurl'],
    ...['--out', code, source],
  ]);
  // Node resolves a package's subpath by its full name; protobufjs-cli writes it without the ending.
  writeFileSync(code, readFileSync(code, 'utf8').replace(/(["'])protobufjs\/minimal\1/, '"protobufjs/minimal.js"'));
  await promisify(pbts.main)(['--out', types, code]);
}
