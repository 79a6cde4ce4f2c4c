import { resume } from '../../node/commands/resume.ts';
import { isSweep, resumeSweep } from '../../node/commands/sweep/index.ts';
import { tellingRun } from '../child.ts';
import { defineCommand } from '../command.ts';
import { SweepDisplay } from '../terminal/sweep.ts';
import { TrainingDisplay } from '../terminal/training.ts';
import { finish } from './sweep.ts';
import { INTERRUPTED } from './train.ts';

export const command = defineCommand({
  name: 'resume',
  summary: 'go on exactly where a run stopped',
  words: [{ name: 'run', does: 'a run directory, or a folder of thaw sweep, that was interrupted' }],
  flags: {},
  examples: ['thaw resume runs/images-1'],
  async run({ words: [run], terminal, signal }) {
    if (isSweep(run))
      return finish(await resumeSweep(run, { onEvent: tellingRun(new SweepDisplay(terminal).take), signal }), terminal);
    const display = new TrainingDisplay(terminal);
    const outcome = await resume(run, { onEvent: tellingRun(display.take), signal });
    display.finish(outcome);
    return outcome.status === 'interrupted' ? INTERRUPTED : 0;
  },
});
