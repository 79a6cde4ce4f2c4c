import { ThawError } from '../errors.ts';
import type { TaskName } from '../tasks/index.ts';
import type { TrainingConfig } from '../training/index.ts';

type Plan = Pick<TrainingConfig, 'preset' | 'stages' | 'trainable' | 'thaw' | 'thawBy' | 'thawMost'>;

/**
 * Refuses settings of which one would count and the other be passed over in silence.
 *
 * @throws ThawError `bad-config` naming both
 */
export function refuseContradictions(plan: Plan): void {
  const { preset, stages, trainable, thaw, thawBy, thawMost } = plan;
  const refuse = (what: string, why: string) => {
    throw new ThawError('bad-config', `${what}: ${why}`, 'Leave one of them out');
  };
  if (stages && trainable) refuse('stages and trainable', 'each chooses the layers to train');
  const growing = Object.entries({ thaw, thawBy, thawMost }).find(([, value]) => value !== undefined)?.[0];
  if (growing === undefined) return;
  if (stages || trainable)
    refuse(`${stages ? 'stages' : 'trainable'} and ${growing}`, 'each chooses the layers of each stage');
  if (preset !== 'gradual' && preset !== 'adaptive')
    refuse(`preset ${preset} and ${growing}`, `${growing} is of the preset gradual`);
  if (thaw && (thawBy !== undefined || thawMost !== undefined))
    refuse(
      `thaw and ${thawBy === undefined ? 'thawMost' : 'thawBy'}`,
      'each chooses how many groups a stage unfreezes',
    );
  if (preset === 'gradual' && thawMost !== undefined && thawBy === undefined)
    throw new ThawError(
      'bad-config',
      'thawMost has no effect without thawBy',
      'Say how many layer groups each stage thaws, with --thaw-by',
    );
}

/** Options of losses whose labels a data set of samples does not have. */
const FOR_ARTIFACTS = ['axis', 'ignoreLabel', 'softLabels', 'mask', 'meanOver'] as const;

/**
 * Refuses options of the loss that a training has no labels for.
 *
 * @throws ThawError `bad-config` naming the option
 */
export function refuseOtherLabels(
  task: TaskName,
  { loss, mixup, cutmix }: Pick<TrainingConfig, 'loss' | 'mixup' | 'cutmix'>,
): void {
  const option = FOR_ARTIFACTS.find((name) => loss[name] !== undefined);
  if (option) {
    throw new ThawError(
      'bad-config',
      `setting loss.${option}: a training has one label or row of labels a sample, and does not need it`,
      'Leave it out; thaw artifacts takes it',
    );
  }
  if (loss.kind !== 'softmax') return;
  const blends = mixup ? 'mixup blends labels' : cutmix ? 'cutmix blends labels' : undefined;
  const other = blends ?? (task === 'classification' ? undefined : `${task} has other labels`);
  if (!other) return;
  throw new ThawError(
    'bad-config',
    `setting loss.kind: softmax takes one class for each sample, and ${other}`,
    'Leave out the kind, or choose another loss',
  );
}
