import { resume } from '../../jobs/index.ts';
import type { CommandSpec } from '../command.ts';
import { TrainingDisplay } from '../terminal/training.ts';
import { INTERRUPTED } from './train.ts';

export const command: CommandSpec = {
  name: 'resume',
  summary: 'go on exactly where a run stopped',
  words: [{ name: 'run', does: 'a run directory that was interrupted' }],
  flags: {},
  examples: ['thaw resume runs/pictures-1'],
  async run({ words: [run], terminal, signal }) {
    const display = new TrainingDisplay(terminal);
    const outcome = await resume(run, { onEvent: display.take, signal });
    display.finish(outcome);
    return outcome.status === 'interrupted' ? INTERRUPTED : 0;
  },
};
