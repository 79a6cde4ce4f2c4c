import { quoted } from '../../node/commands/paths.ts';
import { pull } from '../../node/commands/pull.ts';
import { bytes } from '../../report/format.ts';
import { defineCommand } from '../command.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'pull',
  summary: 'download a model of the Hugging Face hub',
  description:
    "Downloads the files that hf:owner/name needs into Hugging Face's own cache (HF_HOME), which Python shares. Files that are there already are not downloaded again. HF_TOKEN gives access to private models, and HF_ENDPOINT names another server.",
  positionals: [{ name: 'owner/name', description: 'the model, optionally with @revision' }],
  flags: {
    revision: { kind: 'text', value: 'NAME', description: 'branch, tag or commit', default: 'main' },
    out: { kind: 'text', value: 'DIR', description: 'also copy the files to a new folder' },
  },
  examples: ['thaw pull ann/pets', 'thaw pull Xenova/resnet-18 --out resnet-18'],
  async run({ positionals: [repository], values, terminal, signal }) {
    const outcome = await pull({ repository, ...values }, { onEvent: new JobDisplay(terminal).show, signal });
    terminal.clear();
    if (terminal.json) terminal.printJson(outcome);
    const { model, commit, folder, files } = outcome;
    const size = files.reduce((sum, file) => sum + file.bytes, 0);
    terminal.print(`folder  ${quoted(folder)}`);
    terminal.print(`files   ${files.map(({ path }) => path).join(', ')} (${bytes(size)})`, 8);
    terminal.print(`commit  ${commit}`);
    terminal.print(`Next    thaw predict ${values.out === undefined ? model : quoted(values.out)} IMAGES`);
    return 0;
  },
});
