/** The licences of bundled packages, which their authors ask to ship with the bundle. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Packages without a licence file, and the copyright line of their sources.
 * @type {Readonly<Record<string, string>>}
 */
const COPYRIGHT = {
  'onnxruntime-web': 'Copyright (c) Microsoft Corporation',
  'onnxruntime-common': 'Copyright (c) Microsoft Corporation',
};

const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY
CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/**
 * The folder of the package that a module belongs to.
 * @param {string} file
 * @returns {string | undefined} undefined for our own modules
 */
export const packageFolder = (file) =>
  /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(file.replaceAll('\\', '/').replace(/^\0/, ''))?.[0];

/**
 * @param {string} bundle what the packages are part of
 * @param {Iterable<string>} folders of packages
 */
export function licensesOf(bundle, folders) {
  const texts = [...new Set(folders)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : textOf(name, license);
    return `## ${name} ${version} (${license})\n\n${text}\n`;
  });
  return `# Licences of the packages in ${bundle}\n\n${texts.join('\n')}`;
}

/**
 * @param {string} name
 * @param {string} license
 */
function textOf(name, license) {
  if (license === 'MIT' && COPYRIGHT[name]) return `${COPYRIGHT[name]}\n\n${MIT}`;
  throw new Error(`${name} has no licence file: add its copyright line to scripts/build/licenses.js`);
}
