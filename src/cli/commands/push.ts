import { push } from '../../node/commands/push.ts';
import { bytes, plural } from '../../report/format.ts';
import { defineCommand } from '../command.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'push',
  summary: 'upload the model of a run to the Hugging Face hub',
  description:
    'Uploads model/ of the run: the card with the scores, the configuration and the ONNX files, in one commit. A second push sends only changed files, and a push after an interrupted one only missing files. The token with write access is HF_TOKEN, or that of hf auth login. HF_ENDPOINT names another server.',
  positionals: [
    { name: 'run', description: 'a finished run, or a model folder' },
    { name: 'owner/name', description: 'the repository; Thaw creates it if it is missing' },
  ],
  flags: {
    public: { kind: 'switch', description: 'let everyone see a new repository, instead of its owner only' },
    revision: { kind: 'text', value: 'BRANCH', description: 'branch, created if it is missing', default: 'main' },
    message: { kind: 'text', value: 'TEXT', description: "the commit's message" },
  },
  examples: ['thaw push runs/images-1 ann/pets', 'thaw push runs/images-1 ann/pets --revision v2 --public'],
  async run({ positionals: [run, repository], values, terminal, signal }) {
    const outcome = await push({ run, repository, ...values }, { onEvent: new JobDisplay(terminal).show, signal });
    terminal.clear();
    if (terminal.json) terminal.printJson(outcome);
    const { url, commit, changed, files, bytes: size } = outcome;
    terminal.print(
      changed
        ? `${url}: ${plural(files.filter((file) => file.changed).length, 'file')} (${bytes(size)}) in commit ${commit.slice(0, 7)}`
        : `${url} has this model already (commit ${commit.slice(0, 7)}). Nothing was uploaded.`,
    );
    return 0;
  },
});
