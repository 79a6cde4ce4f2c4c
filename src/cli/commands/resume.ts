import { resume } from '../../node/commands/resume.ts';
import { isSweep, resumeSweep } from '../../node/commands/sweep/index.ts';
import { reportingRun } from '../child.ts';
import { defineCommand } from '../command.ts';
import { SweepDisplay } from '../terminal/sweep.ts';
import { TrainingDisplay } from '../terminal/training.ts';
import { finish } from './sweep.ts';
import { INTERRUPTED } from './train.ts';

export const command = defineCommand({
  name: 'resume',
  summary: 'resume a stopped run at exactly the same point',
  positionals: [{ name: 'run', description: 'run directory, or folder of thaw sweep' }],
  flags: {},
  examples: ['thaw resume runs/images-1'],
  async run({ positionals: [run], terminal, signal }) {
    if (isSweep(run))
      return finish(
        await resumeSweep(run, { onEvent: reportingRun(new SweepDisplay(terminal).show), signal }),
        terminal,
      );
    const display = new TrainingDisplay(terminal);
    const outcome = await resume(run, { onEvent: reportingRun(display.show), signal });
    display.finish(outcome);
    return outcome.status === 'interrupted' ? INTERRUPTED : 0;
  },
});
