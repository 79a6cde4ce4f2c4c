/** Experiment trackers of the command line: MLflow by flags, others from a config file. */
import { ThawError } from '../errors.ts';
import { quoted } from '../node/commands/paths.ts';
import { checkSinks, mlflow, type TrackerSink } from '../node/tracking/index.ts';
import { publicAddress } from '../secrets.ts';
import type { ConfigFile } from './config-file.ts';
import { flagName, flagsOf, type Values } from './flags.ts';

export const TRACKING_FLAGS = flagsOf({
  mlflow: {
    kind: 'text',
    value: 'URL',
    description:
      'log the run to this MLflow server, such as http://127.0.0.1:5000; MLFLOW_TRACKING_URI reads the address from that variable',
    heading: 'Tracking',
  },
  experiment: {
    kind: 'text',
    value: 'NAME',
    description: 'experiment of MLflow',
    default: 'thaw',
    heading: 'Tracking',
  },
  'log-model': {
    kind: 'switch',
    description: 'store the folder of the model in MLflow, next to the report and the model card',
    heading: 'Tracking',
  },
});

export type TrackingFlags = Values<typeof TRACKING_FLAGS>;

/**
 * The trackers of a command: MLflow, if a flag or the config file gives its address, and the sinks of the config file.
 *
 * @throws ThawError `bad-config` for wrong values
 */
export function trackersOf({ tracking }: Pick<ConfigFile, 'tracking'>, flags: TrackingFlags): readonly TrackerSink[] {
  const { sinks = [] } = tracking;
  checkSinks(sinks);
  const { url, ...options } = {
    url: flags.mlflow ?? tracking.mlflow,
    experiment: flags.experiment ?? tracking.experiment,
    logModel: flags.logModel ?? tracking.logModel,
  };
  if (url !== undefined) return [mlflow({ url, ...options }), ...sinks];
  const lone = (['experiment', 'logModel'] as const).find((name) => options[name] !== undefined);
  if (lone === undefined) return sinks;
  throw new ThawError('bad-config', `--${flagName(lone)} is for MLflow, and no server is given`, 'Add --mlflow URL');
}

/** The command that resumes a run with the same trackers. */
export function resumeCommand(run: string, { mlflow, experiment, logModel }: TrackingFlags): string {
  const flags = [
    ...(mlflow === undefined ? [] : ['--mlflow', quoted(publicAddress(mlflow))]),
    ...(experiment === undefined ? [] : ['--experiment', quoted(experiment)]),
    ...(logModel ? ['--log-model'] : []),
  ];
  return ['thaw resume', quoted(run), ...flags].join(' ');
}
