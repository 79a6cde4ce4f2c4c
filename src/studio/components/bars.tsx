import type { Prediction } from '../../tasks/index.ts';
import { tintOf } from './colours.ts';

export interface BarsProps {
  readonly classes: readonly string[];
  readonly prediction: Prediction<'classification'> | undefined;
}

/** How sure it is of each class. */
export function Bars({ classes, prediction }: BarsProps) {
  const best = prediction ? classes.indexOf(prediction.label) : -1;
  return (
    <div class="answers">
      <p class="verdict" aria-live="polite">
        {best < 0 ? <span>What is it?</span> : <b style={tintOf(best)}>{classes[best]}</b>}
      </p>
      <ul class="bars">
        {classes.map((name, i) => {
          const share = prediction?.probabilities[name] ?? 0;
          const percent = Math.round(100 * share);
          return (
            <li key={i} class={best === i ? 'best' : ''} style={{ ...tintOf(i), '--share': String(share) }}>
              <span class="label">{name}</span>
              <span class="bar" aria-hidden="true">
                <i />
              </span>
              <span class="share">{prediction ? `${percent}%` : ''}</span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
