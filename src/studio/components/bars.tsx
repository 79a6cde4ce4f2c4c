import { percent } from '../../report/format.ts';
import type { Prediction } from '../../tasks/index.ts';
import { tintOf } from './colours.ts';

/** Classes up to which each has its bar, in its place. */
const ALL = 12;
/** Bars of more classes: the most probable ones. */
const MOST = 8;

export interface BarsProps {
  readonly classes: readonly string[];
  readonly prediction: Prediction<'classification'> | undefined;
}

/** How sure it is of each class. */
export function Bars({ classes, prediction }: BarsProps) {
  const closest = prediction ? classes.indexOf(prediction.label) : -1;
  const isNone = prediction?.unknown === true;
  const best = isNone ? -1 : closest;
  const shareOf = (i: number) => prediction?.probabilities[classes[i]] ?? 0;
  const places = [...classes.keys()];
  const shown = classes.length <= ALL ? places : places.sort((a, b) => shareOf(b) - shareOf(a) || a - b).slice(0, MOST);
  const rest = classes.length - shown.length;
  const restShare = 1 - shown.reduce((sum, i) => sum + shareOf(i), 0);
  return (
    <div class={`answers ${isNone ? 'none' : ''}`}>
      <p class="verdict" aria-live="polite">
        {isNone ? (
          <b class="none">None of these</b>
        ) : best < 0 ? (
          <span>What is it?</span>
        ) : (
          <b style={tintOf(best)}>{classes[best]}</b>
        )}
      </p>
      {isNone && <p class="hint">It is unlike everything that it has learned. The closest is {classes[closest]}.</p>}
      <ul class="bars">
        {shown.map((i) => {
          const share = shareOf(i);
          return (
            <li key={i} class={best === i ? 'best' : ''} style={{ ...tintOf(i), '--share': String(share) }}>
              <span class="label">{classes[i]}</span>
              <span class="bar" aria-hidden="true">
                <i />
              </span>
              <span class="share">{prediction ? percent(share, 0) : ''}</span>
            </li>
          );
        })}
      </ul>
      {rest > 0 && (
        <p class="hint">
          And {rest} more classes{prediction && `, together ${percent(Math.max(0, restShare), 0)}`}.
        </p>
      )}
    </div>
  );
}
