import type { Noun } from '../../data/index.ts';
import type { JobEvent, MeasuredSamples } from '../../node/commands/index.ts';
import { bytes, decimal, plural } from '../../report/format.ts';
import { recommendedText } from './recommended.ts';
import { styled } from './styled.ts';
import type { Terminal } from './terminal.ts';
import { downloadLine, uploadLine } from './training.ts';

/** Shows the progress of short jobs: permanent notes, and a status line on a terminal. */
export class JobDisplay {
  private noun: Noun = 'image';
  private recommended: string | undefined;
  private device: string | undefined;

  constructor(private readonly terminal: Terminal) {}

  show = (event: JobEvent): void => {
    const { terminal } = this;
    const { colours: c } = terminal;
    switch (event.type) {
      case 'device':
        // A federated node selects its device every round.
        if (event.slower && event.device !== this.device)
          terminal.print(styled`${c.dim('device')}  ${event.device}, ${event.reason}`, 8);
        this.device = event.device;
        break;
      case 'notice':
        terminal.print(c.yellow(`note  ${event.message}`), 6);
        break;
      case 'recommended': {
        // A federated node reports this every round.
        const text = recommendedText(event.settings);
        if (text !== this.recommended) terminal.print(styled`${c.dim('settings')}  ${text}`, 10);
        this.recommended = text;
        break;
      }
      case 'data':
        this.noun = event.noun;
        if (event.problems.length) {
          const [{ file, reason }] = event.problems;
          const more = event.problems.length > 1 ? ', …' : '';
          terminal.print(
            c.yellow(`note  ${plural(event.problems.length, 'file')} skipped: ${file} (${reason})${more}`),
            6,
          );
        }
        break;
      case 'download':
        terminal.status(downloadLine(event));
        break;
      case 'push': {
        const { repository, revision, visibility, files, bytes: size } = event;
        const branch = revision === 'main' ? '' : `, branch ${revision}`;
        terminal.print(
          styled`${c.dim('uploads')}   ${plural(files.length, 'file')} (${bytes(size)}) to ${repository} (${visibility}${branch}): ${files.join(', ')}`,
          10,
        );
        break;
      }
      case 'upload':
        terminal.status(uploadLine(event));
        break;
      case 'phase':
        terminal.status(c.dim(`${event.phase} …`));
        break;
      case 'measuring':
        terminal.print(styled`${c.dim('measures')}  ${measuredText(event, this.noun)}`);
        if (event.warning) terminal.print(c.yellow(`note  ${event.warning}`));
        break;
      case 'evaluated':
        if (event.done < event.of) terminal.status(`${event.done} of ${plural(event.of, this.noun)}`);
        else terminal.clear();
        break;
      case 'rate':
        terminal.status(`step ${event.step}/${event.steps}  lr ${decimal(event.lr)}  loss ${decimal(event.running)}`);
        break;
    }
  };
}

/** Which samples are measured. */
function measuredText({ samples, split, data, ofRun, trainedOn }: MeasuredSamples, noun: Noun): string {
  const part = ofRun && split === 'val' ? 'val of the run, held out from' : `${split} of`;
  const other = trainedOn === undefined ? '' : ` (the run was trained on ${trainedOn})`;
  return `${plural(samples, noun)}: ${part} ${data}${other}`;
}
