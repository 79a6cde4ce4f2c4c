import { resume } from '../../node/commands/resume.ts';
import { isSweep, resumeSweep } from '../../node/commands/sweep/index.ts';
import { reportingRun } from '../child.ts';
import { defineCommand } from '../command.ts';
import { readConfigFile } from '../config-file.ts';
import { CONFIG_FLAG } from '../shared-flags.ts';
import { SweepDisplay } from '../terminal/sweep.ts';
import { TrainingDisplay } from '../terminal/training.ts';
import { resumeCommand, TRACKING_FLAGS, trackersOf } from '../trackers.ts';
import { finish } from './sweep.ts';
import { INTERRUPTED } from './train.ts';

export const command = defineCommand({
  name: 'resume',
  summary: 'resume a stopped run at exactly the same point',
  positionals: [{ name: 'run', description: 'run directory, or folder of thaw sweep' }],
  flags: {
    config: { ...CONFIG_FLAG.config, description: 'trackers; a run keeps its settings', heading: 'Tracking' },
    ...TRACKING_FLAGS,
  },
  examples: ['thaw resume runs/images-1', 'thaw resume runs/images-1 --mlflow http://127.0.0.1:5000'],
  async run({ positionals: [run], values: { config, ...tracking }, terminal, signal }) {
    const sinks = trackersOf(await readConfigFile(config), tracking);
    if (isSweep(run))
      return finish(
        await resumeSweep(run, { onEvent: reportingRun(new SweepDisplay(terminal).show), signal, sinks }),
        terminal,
        tracking,
      );
    const display = new TrainingDisplay(terminal);
    const outcome = await resume(run, { onEvent: reportingRun(display.show), signal, sinks });
    display.finish(outcome, resumeCommand(outcome.run, tracking));
    return outcome.status === 'interrupted' ? INTERRUPTED : 0;
  },
});
