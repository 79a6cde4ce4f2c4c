import type { SweepEvent } from '../../node/commands/index.ts';
import { measured, plural, shown } from '../../report/format.ts';
import { type Metric, metricOf } from '../../tasks/index.ts';
import { recommendedText } from './recommended.ts';
import { padded, styled } from './styled.ts';
import type { Terminal } from './terminal.ts';

type Event<T extends SweepEvent['type']> = Extract<SweepEvent, { type: T }>;

/** Shows the progress of a sweep: one line each time that a trial stops or ends, and a status line on a terminal. */
export class SweepDisplay {
  private metric: Metric | undefined;
  private trial: Event<'trial'> | undefined;
  private problems = false;
  private recommended = false;
  private slower = false;

  constructor(private readonly terminal: Terminal) {}

  show = (event: SweepEvent): void => {
    const { terminal } = this;
    if (terminal.json && event.type !== 'step') terminal.printJsonLine(event);
    const { colours: c } = terminal;
    switch (event.type) {
      case 'sweep': {
        const done = event.done ? `, ${event.done} of them done` : '';
        terminal.print(styled`${c.dim('sweep')}  ${event.path}: ${plural(event.trials, 'trial')}${done}`);
        break;
      }
      case 'device':
        if (event.slower && !this.slower) terminal.print(styled`${c.dim('device')}  ${event.device}, ${event.reason}`);
        this.slower ||= event.slower === true;
        break;
      case 'data':
        this.metric = event.metric;
        // Each trial reports the same files.
        if (event.problems.length && !this.problems)
          terminal.print(
            c.yellow(`note   ${plural(event.problems.length, 'file')} skipped: ${event.problems[0].file}, …`),
          );
        this.problems = true;
        break;
      case 'recommended':
        if (!this.recommended) terminal.print(styled`${c.dim('settings')}  ${recommendedText(event.settings)}`);
        this.recommended = true;
        break;
      case 'trial':
        this.trial = event;
        break;
      case 'step':
        terminal.status(`${this.name()}  epoch ${event.epoch}  ${event.step}/${event.steps}`);
        break;
      case 'phase':
        terminal.status(styled`${this.name()}  ${c.dim(`${event.phase} …`)}`);
        break;
      case 'trial-end':
        this.showEnd(event);
        break;
    }
  };

  private name(): string {
    if (!this.trial) return '';
    const { trial, trials, values, seed, seeds } = this.trial;
    const settings = Object.entries(values).map(([name, value]) => `${name}=${shown(value)}`);
    return `trial ${padded(String(trial), String(trials).length, 'start')}/${trials}  ${settings.join(' ')}${seeds > 1 ? `  seed ${seed}` : ''}`;
  }

  private showEnd({ status, epochs, message }: Event<'trial-end'>): void {
    const { colours: c } = this.terminal;
    const { metric } = this;
    const values = metric ? epochs.map((scores) => metricOf(metric, scores)) : [];
    const best = metric && values.length ? Math[metric.better === 'higher' ? 'max' : 'min'](...values) : undefined;
    const reached = metric && best !== undefined ? c.bold(measured(metric, best)) : '–';
    const state = message ?? `${status} after ${plural(epochs.length, 'epoch')}`;
    this.terminal.print(styled`${this.name()}  ${reached}  ${c.dim(state)}`);
  }
}
