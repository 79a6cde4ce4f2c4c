/**
 * Kills trainings, sweeps, exports and federated finishes with `kill -9` at random instants, restarts them until they finish, and
 * compares every file with that of a command that was not killed: `npx tsx scripts/kill.ts [victim…] [--seed 1] [--kills 50]`, with
 * `--kills` kills of each victim. Exits with 1 if a file differs.
 */
import { parseArgs } from 'node:util';
import { makeProject } from '../test/node/commands/project.ts';
import { killVictim } from '../test/survival/killing.ts';
import { buildThaw } from '../test/survival/program.ts';
import { VICTIMS } from '../test/survival/victims.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' }, kills: { type: 'string', default: '50' } },
});
const project = await makeProject({ train: 6, val: 3 });
try {
  const program = await buildThaw('kill');
  for (const victim of positionals.length ? positionals : Object.keys(VICTIMS)) {
    const began = performance.now();
    const lives = await killVictim(victim, {
      program,
      data: project.data,
      seed: Number(values.seed),
      kills: Number(values.kills),
      onLife: ({ kills, faults }) => {
        process.stderr.write(`  ${victim}: ${kills} kills\n`);
        for (const fault of faults) process.stderr.write(`    ${fault}\n`);
      },
    });
    const seconds = Math.round((performance.now() - began) / 1000);
    const instants = lives.flatMap((life) => life.instants);
    const counts = new Map<string, number>();
    for (const instant of instants) counts.set(instant, (counts.get(instant) ?? 0) + 1);
    const faults = lives.flatMap((life) => life.faults);
    console.log(
      `${victim.padEnd(10)} ${lives.length} lives, ${instants.length} kills, ${faults.length} faults, ${seconds} s; killed after:`,
      [...counts].map(([instant, count]) => `${instant} ${count}`).join(', '),
    );
    if (faults.length) process.exitCode = 1;
  }
} finally {
  project.remove();
}
