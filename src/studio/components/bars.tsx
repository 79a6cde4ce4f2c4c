import type { Predicted } from '../../worker/index.ts';
import { tintOf } from './colours.ts';

export interface BarsProps {
  readonly classes: readonly string[];
  readonly prediction: Predicted | undefined;
}

/** How sure it is of each class. */
export function Bars({ classes, prediction }: BarsProps) {
  const best = prediction && classes[prediction.label];
  const share = (i: number) => prediction?.probabilities[i] ?? 0;
  return (
    <div class="answers">
      <p class="verdict" aria-live="polite">
        {best === undefined ? <span>What is it?</span> : <b style={tintOf(prediction!.label)}>{best}</b>}
      </p>
      <ul class="bars">
        {classes.map((name, i) => {
          const percent = Math.round(100 * share(i));
          return (
            <li
              key={i}
              class={prediction?.label === i ? 'best' : ''}
              style={{ ...tintOf(i), '--share': String(share(i)) }}
            >
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
