import { isAdaptive, type Progress } from '../training/index.ts';
import { type TrainSettings, trainingConfigOf } from './settings.ts';

/** The settings with the stages that an adaptive training decided on and ran. A training with these settings decides nothing. */
export function withDecidedPlan(
  settings: TrainSettings,
  { stages, rows }: Pick<Progress, 'stages' | 'rows'>,
): TrainSettings {
  if (!stages || !rows.length || !isAdaptive(trainingConfigOf(settings))) return settings;
  return { ...settings, stages: stages.slice(0, rows[rows.length - 1].stage), thawMost: undefined };
}
