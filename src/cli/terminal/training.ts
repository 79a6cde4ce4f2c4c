import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Noun } from '../../data/index.ts';
import type { JobEvent, TrainingResult } from '../../node/commands/index.ts';
import { quoted } from '../../node/commands/paths.ts';
import { continuedText } from '../../report/continued.ts';
import { bytes, compact, count, decimal, duration, measured, percent, plural } from '../../report/format.ts';
import { unknownWords } from '../../report/unknown.ts';
import { metricOf, TASKS } from '../../tasks/index.ts';
import { type BarState, progressLine } from './bar.ts';
import { planText } from './plan.ts';
import { recommendedText } from './recommended.ts';
import { columnsOf, joined, padded, styled, type Text } from './styled.ts';
import type { Terminal } from './terminal.ts';

type Event<T extends JobEvent['type']> = Extract<JobEvent, { type: T }>;

/** Minimum milliseconds between two redraws of the bar. */
const REDRAW = 80;
/** Columns of the labels. */
const LABEL = 9;
/** The part of a stage's time from which on reading the data is a bottleneck. */
const BOTTLENECK = 0.3;
/** Minimum seconds of a stage for this. A stage with all features cached is very short. */
const MEASURABLE = 1;

const PHASES: Record<Event<'phase'>['phase'], string> = {
  preparing: 'preparing the model …',
  exporting: 'exporting the model …',
  evaluating: 'evaluating the best weights …',
  reporting: 'writing the report …',
  measuring: 'measuring a training step …',
};

/** Shows the progress of a training: permanent lines, and a bar on a terminal. With `--json`, every event is also a JSON line. */
export class TrainingDisplay {
  private plan: Event<'plan'> = { type: 'plan', stages: [], stepsPerEpoch: 1, done: 0 };
  private stage: Event<'stage'> | undefined;
  private data: Pick<Event<'data'>, 'noun' | 'task' | 'metric' | 'val' | 'test'> | undefined;
  private samples = 0;
  private epochSeconds = 0;
  private stageWaited = 0;
  private stageComputed = 0;
  private lastEpochSeconds: number | undefined;
  private drawnAt = 0;
  private device: Event<'device'> | undefined;

  /** @param source the data as the user named it, for a suggested command */
  constructor(
    private readonly terminal: Terminal,
    private readonly source = 'IMAGES',
  ) {}

  show = (event: JobEvent): void => {
    if (this.terminal.json)
      this.terminal.printJsonLine(event.type === 'before' ? { ...event, val: numbersOf(event.val) } : event);
    this.showEvent(event);
  };

  private showEvent(event: JobEvent): void {
    const { colours: c } = this.terminal;
    switch (event.type) {
      case 'device':
        // The run's directory follows, unless there is an error to fix first.
        this.device = event;
        break;
      case 'download':
        this.terminal.status(downloadLine(event));
        break;
      case 'data':
        this.showData(event);
        break;
      case 'model':
        this.fact(
          'model',
          `${event.name}, ${compact(event.parameters)} parameters in ${plural(event.groups, 'layer group')}`,
        );
        if (event.continued) this.fact('head', continuedText(event.continued));
        break;
      case 'memory':
        this.showMemory(event);
        break;
      case 'recommended':
        this.fact('settings', recommendedText(event.settings));
        break;
      case 'mismatch':
        this.terminal.print(c.yellow('note      photographs do not suit this model of drawings. One for photographs:'));
        this.terminal.print(`          thaw train ${event.better} ${quoted(this.source)}`);
        break;
      case 'run':
        this.fact('run', event.path);
        this.showDevice();
        break;
      case 'plan':
        this.showPlan(event);
        break;
      case 'notice':
        this.warn('note', event.message);
        break;
      case 'phase':
        this.terminal.status(c.dim(PHASES[event.phase]));
        break;
      case 'before':
        this.fact('before', this.validation(event.val));
        break;
      case 'stage':
        this.showStage(event);
        break;
      case 'step':
        this.showStep(event);
        break;
      case 'epoch':
        this.showEpoch(event);
        break;
      case 'rollback':
      case 'finding':
        this.terminal.print(styled`  ${c.yellow(event.message)}`);
        break;
      case 'stage-end':
        this.showStageEnd(event);
        break;
      case 'end':
        // Also between two stages, where no stage ends by it.
        if (event.why === 'perfect')
          this.terminal.print(styled`  ${c.dim('--no-stop-when-perfect trains all planned epochs')}`);
        if (event.why === 'minutes') this.terminal.print(styled`  ${c.dim('the time limit is reached')}`);
        break;
      case 'decision':
        this.plan = { ...this.plan, stages: event.stages };
        this.terminal.print(styled`  ${c.cyan(event.message)}`);
        break;
      case 'verified':
        this.showCheck(event);
        break;
    }
  }

  private showCheck({ samples, of, maxDifference, holds, synthetic }: Event<'verified'>): void {
    const known = `${samples < of ? `${samples} of ` : ''}${plural(Math.max(samples, of), this.noun)}`;
    const on = `on ${synthetic ? plural(samples, 'synthetic sample') : known}`;
    if (holds) {
      this.fact('checked', `the exported model agrees with training ${on} (to ${decimal(maxDifference)})`);
      return;
    }
    const differs = `the outputs of the exported model differ from training by up to ${decimal(maxDifference)} ${on}`;
    this.warn(
      'checked',
      `${differs}: this is a bug in Thaw or ONNX Runtime. Check the model with thaw eval`,
      this.terminal.colours.red,
    );
  }

  private get noun(): Noun {
    return this.data?.noun ?? 'image';
  }

  private fact(name: string, text: Text): void {
    this.terminal.print(styled`${this.terminal.colours.dim(padded(name, LABEL))} ${text}`, LABEL + 1);
  }

  private warn(name: string, text: Text, paint = this.terminal.colours.yellow): void {
    this.terminal.print(paint(styled`${padded(name, LABEL)} ${text}`), LABEL + 1);
  }

  private showDevice(): void {
    if (!this.device) return;
    const { device, reason } = this.device;
    this.fact('device', reason === 'as requested' ? device : `${device}, ${reason}`);
    this.device = undefined;
  }

  /** The task's metric of an evaluation or a row. */
  private measured(scores: object): string {
    const { metric } = this.data ?? {};
    return metric && metric.key in scores ? measured(metric, metricOf(metric, scores)) : '';
  }

  private validation(scores: object): string {
    return `validation ${this.data?.metric.title} ${this.measured(scores)}`;
  }

  private showData(data: Event<'data'>): void {
    const { task, classes, train, val, test, problems } = data;
    this.data = data;
    const splits = [`${count(train)} training`, `${count(val)} validation`, ...(test ? [`${count(test)} test`] : [])];
    this.fact('data', `${plural(classes.length, ...TASKS[task].noun)}, ${splits.join(', ')} ${this.noun}s`);
    if (!problems.length) return;
    const shown = problems.slice(0, 3).map(({ file, reason }) => `${file} (${reason})`);
    const more = problems.length > 3 ? `, and ${problems.length - 3} more` : '';
    this.warn('note', `${plural(problems.length, 'file')} skipped: ${shown.join(', ')}${more}`);
  }

  private showMemory({ estimate, limit, notice }: Event<'memory'>): void {
    if (notice) this.warn('memory', notice);
    else this.fact('memory', `about ${bytes(estimate.total)}${limit === undefined ? '' : ` of ${bytes(limit)}`}`);
  }

  private showPlan(plan: Event<'plan'>): void {
    this.plan = plan;
    this.showDevice();
    this.fact('plan', planText(plan.stages));
    if (plan.done) this.fact('resuming', `after ${plural(plan.done, 'epoch')}`);
    else this.terminal.status(this.terminal.colours.dim('evaluating before training …'));
  }

  private showStage(stage: Event<'stage'>): void {
    const { colours: c } = this.terminal;
    this.stage = stage;
    this.stageWaited = 0;
    this.stageComputed = 0;
    this.lastEpochSeconds = undefined;
    const groups = stage.groups.length > 2 ? `${stage.groups[0]} to ${stage.groups.at(-1)}` : stage.groups.join(', ');
    const share = `${compact(stage.trainable)} of ${compact(stage.trainable + stage.frozen)} parameters`;
    this.terminal.print();
    this.terminal.print(
      styled`${c.bold(`stage ${stage.stage}/${stage.stages}`)} ${c.cyan(stage.train)}  ${c.dim(`${share} (${groups})  lr ${decimal(stage.lr)}`)}`,
    );
  }

  private showStep(step: Event<'step'>): void {
    if (step.step === 1) this.resetEpoch();
    this.samples += step.samples;
    this.epochSeconds += step.waited + step.computed;
    this.stageWaited += step.waited;
    this.stageComputed += step.computed;
    const now = performance.now();
    if (now - this.drawnAt < REDRAW && step.step !== step.steps) return;
    this.drawnAt = now;
    this.terminal.status(progressLine(this.barState(step), this.terminal.width - 1, this.terminal.colours));
  }

  private resetEpoch(): void {
    this.samples = 0;
    this.epochSeconds = 0;
  }

  private barState({ epoch, step, steps, sofar }: Event<'step'>): BarState {
    const { stage, stages } = this.stage ?? { stage: 1, stages: 1 };
    return {
      stage,
      stages,
      epoch,
      epochs: this.epochs,
      step,
      steps,
      loss: sofar.loss,
      metric: this.data && this.data.metric.key in sofar ? this.measured(sofar) : undefined,
      noun: this.noun,
      speed: this.samples / this.epochSeconds,
      left: this.secondsLeft(epoch, step, steps),
    };
  }

  private get epochs(): number {
    return this.plan.stages.reduce((all, { epochs }) => all + epochs, 0);
  }

  /** Estimate from the speed of this stage. Later stages train more layers, so they take longer. */
  private secondsLeft(epoch: number, step: number, steps: number): number | undefined {
    if (epoch === this.epochs && step === steps) return undefined;
    const perEpoch = this.lastEpochSeconds ?? (step >= 2 ? (this.epochSeconds / step) * steps : undefined);
    return perEpoch && perEpoch * (this.epochs - epoch + 1 - step / steps);
  }

  private showEpoch({ epoch, train, val, seconds, best }: Event<'epoch'>): void {
    const { colours: c } = this.terminal;
    this.lastEpochSeconds = seconds;
    const epochs = String(this.epochs);
    const full = [
      styled`  epoch ${padded(String(epoch), epochs.length, 'start')}/${epochs}`,
      styled`train loss ${fixed(train.loss)} ${padded(this.measured(train), 6, 'start')}`,
      styled`val loss ${fixed(val.loss)} ${c.bold(padded(this.measured(val), 6, 'start'))}`,
      c.dim(duration(seconds)),
      ...(best ? [c.green('best')] : []),
    ];
    const line = joined(full, '  ');
    const fits = columnsOf(line) <= this.terminal.width;
    this.terminal.print(fits ? line : joined([full[0], full[2], ...full.slice(4)], '  '));
  }

  private showStageEnd({ why, before, after }: Event<'stage-end'>): void {
    const { colours: c } = this.terminal;
    if (why === 'target') this.terminal.print(styled`  ${c.green('the target is reached')}`);
    if (why === 'until') this.terminal.print(styled`  ${c.dim('the goal of this stage is reached')}`);
    if (why === 'plateau') this.terminal.print(styled`  ${c.dim('no improvement; this stage ends')}`);
    if (before) {
      const { title } = this.data?.metric ?? { title: 'metric' };
      const change = `from ${this.measured(before)} to ${this.measured(after)}`;
      this.terminal.print(styled`  ${c.dim(`this stage: validation ${title} ${change}`)}`);
    }
    const all = this.stageWaited + this.stageComputed;
    const waited = this.stageWaited / all;
    if (all < MEASURABLE || waited < BOTTLENECK) return;
    const text = `bottleneck: the stage spent ${percent(waited, 0)} of its time reading ${this.noun}s; smaller files load faster`;
    this.terminal.print(styled`  ${c.dim(text)}`);
  }

  /** Prints the result and the next steps. @param resumeCommand the command to continue with; default `thaw resume` */
  finish(outcome: TrainingResult, resumeCommand?: string): void {
    if (this.terminal.json) {
      const before = outcome.before && numbersOf(outcome.before);
      this.terminal.printJsonLine({ type: 'done', ...outcome, before });
    }
    const { colours: c } = this.terminal;
    const { run, after, before, test, seconds, bestEpoch, epochs, model, report } = outcome;
    this.terminal.print();
    if (outcome.status === 'interrupted') {
      const where =
        outcome.why === 'interrupted' ? `after ${plural(epochs, 'epoch')}` : 'before the model was exported';
      this.terminal.print(styled`${c.yellow('Stopped and saved')} ${where}. Resume with:`);
      this.terminal.printWhole(`  ${resumeCommand ?? `thaw resume ${quoted(run)}`}`);
      return;
    }
    const reached = after
      ? styled`: ${c.bold(this.validation(after))} on ${plural(this.data?.val ?? 0, this.noun)}`
      : '';
    this.terminal.print(styled`${c.green('Done')} in ${duration(seconds)}${reached}`);
    const details = [
      ...(before ? [`${this.measured(before)} before training`] : []),
      ...(bestEpoch === null ? [] : [`best epoch: ${bestEpoch} of ${epochs}`]),
    ];
    if (details.length) this.terminal.print(styled`  ${c.dim(details.join('; '))}`);
    if (test) this.terminal.print(`test ${this.data?.metric.title} ${this.measured(test)}`);
    const { calibration } = outcome;
    const gains =
      calibration?.temperature && calibration.with.calibration.error < calibration.without.calibration.error;
    if (gains) {
      const [raw, at] = [calibration.without, calibration.with].map((scores) => percent(scores.calibration.error));
      this.terminal.print(
        `The probabilities are off by ${raw} on average, and by ${at} with temperature ${decimal(calibration.temperature)} (thaw predict --calibrated).`,
        0,
      );
    }
    if (outcome.unknown) this.terminal.print(unknownWords(outcome.unknown, this.noun).join(' '), 0);
    this.terminal.print();
    this.fact('report', report ?? 'not written, see the note above');
    this.fact('model', `${model} (folder for transformers.js)`);
    this.fact('onnx', `${model}/onnx/model.onnx (file for any ONNX runtime)`);
    const also = OUTPUTS.filter((name) => existsSync(join(run, name)));
    if (also.length) this.fact('also', also.join(', '));
    this.terminal.print();
    this.terminal.print(c.bold('Next'));
    const steps = nextSteps(outcome, this.noun);
    const widest = Math.max(...steps.map(([command]) => columnsOf(command)));
    for (const [command, description] of steps) {
      const line = styled`  ${padded(command, widest)}  ${c.dim(description)}`;
      const fits = columnsOf(line) <= this.terminal.width;
      // A command stays on one line, so that it can be copied.
      this.terminal.printWhole(fits ? line : styled`  ${command}`);
      if (!fits) this.terminal.print(styled`    ${c.dim(description)}`);
    }
  }
}

/**
 * The numbers of an evaluation, without its lists. Before training, the scores of each class and the confusion matrix say little, and take
 * megabytes for a thousand classes; `record.json` has them.
 */
const numbersOf = (evaluation: object): object =>
  Object.fromEntries(Object.entries(evaluation).filter(([, value]) => typeof value === 'number'));

/** Files of a run that users look at, next to the report and the model. */
const OUTPUTS = ['train_batch0.jpg', 'val_batch0.jpg', 'record.json', 'plots'] as const;

/** Command that opens a page in the browser. */
const OPEN = { darwin: 'open', win32: 'start' }[process.platform as string] ?? 'xdg-open';

/** Commands and what they are for. */
const nextSteps = ({ run, report }: TrainingResult, noun: Noun): [command: string, description: string][] => [
  [`thaw predict ${quoted(run)} ${noun.toUpperCase()}`, 'use the model'],
  [`thaw eval ${quoted(run)} ${noun.toUpperCase()}S`, 'measure it on other data'],
  ...(report ? [[`${OPEN} ${quoted(report)}`, 'curves, worst mistakes, every setting'] as [string, string]] : []),
];

const fixed = (value: number): string => (Number.isFinite(value) ? value.toFixed(3) : String(value));

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

export function downloadLine({ received, total }: { received: number; total?: number }): string {
  const of = total === undefined ? '' : ` of ${megabytes(total)} (${percent(received / total, 0)})`;
  return `downloading the model: ${megabytes(received)}${of} MB`;
}

export const uploadLine = ({ sent, total }: { sent: number; total: number }): string =>
  `uploading the model: ${megabytes(sent)} of ${megabytes(total)}${total > 0 ? ` (${percent(sent / total, 0)})` : ''} MB`;
