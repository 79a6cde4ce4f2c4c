/**
 * Measures Thaw and its peers on the same networks, batches and threads, in turns:
 *
 *     npm run bench -- --help
 */
import { loadavg } from 'node:os';
import { HELP, readOptions } from './command-line.ts';
import { CONTENDERS } from './contenders.ts';
import { JOBS, jobTable, jobVersions, measureJob, missingForJob } from './jobs.ts';
import { describeMachine } from './machine.ts';
import { measureSteps } from './measure.ts';
import { makeNetworks, stepsRequest } from './networks.ts';
import type { BenchOptions } from './options.ts';
import { type ModelResult, modelTable, replaceSection } from './tables.ts';

const say = (line: string) => console.error(line);

function installed({ contenders, interpreters }: BenchOptions): string[] {
  return contenders.filter((name) => {
    const missing = CONTENDERS[name].missing(interpreters);
    if (missing) say(`skipped ${name}: ${missing}`);
    return !missing;
  });
}

async function main(given: BenchOptions): Promise<void> {
  const options = { ...given, contenders: installed(given) };
  const command = ['npm run bench --', ...process.argv.slice(2)].join(' ');
  const machine = describeMachine(options.threads);
  say(machine);
  if (loadavg()[0] > 0.3)
    say(`the machine is busy (load ${loadavg()[0].toFixed(1)}): wait for an idle machine, or measure more rounds`);
  const show = async (name: string, table: string) => {
    console.log(`\n## ${name}\n\n${table}\n`);
    if (options.write) await replaceSection(options.write, name, table);
  };
  for (const name of options.cases.filter((name) => name in JOBS)) {
    const missing = missingForJob(name, options.interpreters.python);
    say(missing ? `skipped ${name}: ${missing}` : name);
    if (missing) continue;
    const result = await measureJob(name, options, say);
    await show(name, `${jobTable(result)}\n\n${machine}. ${jobVersions(result)}. \`${command}\``);
  }
  const selections = options.cases.filter((name) => !(name in JOBS));
  if (selections.length === 0) return;
  const networks = await makeNetworks(options.models, options);
  for (const [model, lacks] of Object.entries(networks.missing))
    say(`skipped ${model}: the package ${lacks} is missing`);
  for (const model of options.models.filter((name) => !(name in networks.missing))) {
    const result: ModelResult = { model, machine, command, cases: {} };
    for (const selection of selections) {
      say(`${model} ${selection}`);
      const request = await stepsRequest(model, selection, networks, options);
      result.cases[selection] = await measureSteps(request, options, say);
    }
    const inPages = options.contenders.every((name) => name.startsWith('page-'));
    await show(inPages ? `${model} in a page` : model, modelTable(result, options.contenders));
  }
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') console.log(HELP);
  else await main(options);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
