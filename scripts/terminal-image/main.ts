/**
 * Runs a command of Thaw, and draws what it prints as an animated SVG of about twenty seconds:
 *
 *     npx tsx scripts/terminal-image/main.ts docs/images/terminal.svg train MODEL IMAGES
 */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { runThaw } from '../../src/cli/run.ts';
import { Recording, rowsOf } from './recording.ts';
import { animated } from './svg.ts';

const SECONDS = 20;

const [out, ...words] = process.argv.slice(2);
if (!out || words.length === 0) {
  console.error('Usage: npx tsx scripts/terminal-image/main.ts OUT.svg COMMAND [ARGUMENTS]');
  process.exit(2);
}
const recording = new Recording();
const command = `npx thaw ${words.join(' ')}`;
recording.write(`\x1b[36m$\x1b[39m ${command}\n`);
const env = { ...process.env, FORCE_COLOR: '1', CI: undefined };
process.exitCode = await runThaw(words, { stdout: recording, stderr: recording, env });
process.stdout.write(recording.writes.map(({ text }) => text).join(''));

const { writes } = recording;
const speed = Math.max(1, (writes.at(-1)!.at - writes[0]!.at) / SECONDS);
// Without status lines that the animation would show for less than a tenth of a second.
const rows = rowsOf(writes).filter(({ from, to }) => to - from > speed / 10);
writeFileSync(out, animated({ title: `A terminal: ${command}`, rows, speed }));
