/**
 * Tries wrong files on all that reads files from strangers, for as long as wanted: `npx tsx scripts/fuzz.ts [target…] [--seed 1]
 * [--count 20000] [--keep fuzz-faults]`. Ends with 1 where one was at fault; such files are kept.
 */
import { parseArgs } from 'node:util';
import { fuzz } from '../test/hostile/fuzz.ts';
import { TARGETS } from '../test/hostile/targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '20000' },
    keep: { type: 'string', default: 'fuzz-faults' },
  },
});
const [seed, count] = [Number(values.seed), Number(values.count)];
for (const target of positionals.length ? positionals : Object.keys(TARGETS)) {
  const began = performance.now();
  const { outcomes, peak, faults } = await fuzz(target, { seed, count, keep: values.keep });
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(
    `${target.padEnd(14)} ${count} files, ${outcomes} outcomes, ${faults.length} faults, ${Math.round(peak / 2 ** 20)} MiB, ${seconds} s`,
  );
  for (const { i, what } of faults)
    console.log(`  ${target}-${seed}-${i}: ${what.split('\n').slice(0, 6).join('\n    ')}`);
  if (faults.length) process.exitCode = 1;
}
