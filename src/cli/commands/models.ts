import { ThawError } from '../../errors.ts';
import { getModel, listedModels } from '../../node/commands/index.ts';
import { defineCommand } from '../command.ts';
import { catalogueText, fetchedText } from '../terminal/catalogue.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'models',
  summary: 'list good models to start from, by use; get one for offline use',
  description:
    'The list shows models for photographs, drawings and texts. The first call measures a training step of the embedded model, and estimates the steps of the others from it.',
  positionals: [
    { name: 'get', description: 'the word get, to download a model', optional: true },
    { name: 'model', description: 'a name from the list, hf:owner/name, or https://…', optional: true },
  ],
  flags: {},
  examples: ['thaw models', 'thaw models get mobilenetv4-small'],
  async run({ positionals: [action, model], terminal, signal }) {
    const hooks = { onEvent: new JobDisplay(terminal).show, signal };
    if (action === undefined) {
      const models = await listedModels(hooks);
      terminal.clear();
      if (terminal.json) terminal.printJson(models);
      else terminal.print(catalogueText(models));
      return 0;
    }
    if (action !== 'get' || model === undefined)
      throw new ThawError(
        'bad-config',
        action === 'get' ? 'thaw models get lacks the model' : `thaw models ${action} does not exist`,
        'Write thaw models, or thaw models get NAME with a name from this list',
      );
    const fetched = await getModel(model, hooks);
    terminal.clear();
    if (terminal.json) terminal.printJson(fetched);
    else terminal.print(fetchedText(fetched));
    return 0;
  },
});
