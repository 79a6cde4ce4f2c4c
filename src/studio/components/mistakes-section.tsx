import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { confusionMatrix } from '../../report/charts/index.ts';
import { percent, plural } from '../../report/format.ts';
import { confusedPairs } from '../../tasks/metrics/index.ts';
import { useStudio } from '../context.ts';
import { urlOf } from '../files/images.ts';
import type { Result } from '../state/types.ts';
import { ClassSearch, isFound } from './class-search.tsx';
import { Doubts } from './doubts.tsx';

/** Mistakes that are shown at most; the surest come first. */
const SHOWN = 24;

/** Classes up to which the matrix is readable. */
const MATRIX = 30;

/** Pairs of more classes that are shown. */
const PAIRS = 30;

/** The validation images that the model gets wrong. */
export function MistakesSection() {
  const result = useStudio().teaching.result.value;
  if (!result) return null;
  const { mistakes, classes, evaluation } = result;
  const { all, low } = result.score;
  return (
    <section id="mistakes" aria-labelledby="mistakes-title">
      <h2 id="mistakes-title">
        <span class="number">4</span> Mistakes
      </h2>
      {mistakes.length === 0 ? (
        <p class="lead">
          None among the {plural(all, 'image')} that were held back from the training: at least {percent(low, 0)} of
          further images like these would be right (95% interval). Try harder ones above.
        </p>
      ) : (
        <>
          <p class="lead">
            {mistakes.length} of the {plural(all, 'image')} that were held back {mistakes.length === 1 ? 'is' : 'are'}{' '}
            wrong. More like {mistakes.length === 1 ? 'it' : 'these'} would help.
          </p>
          <ul class="mistakes">
            {mistakes.slice(0, SHOWN).map(({ blob, label, predicted, probability }) => (
              <li key={urlOf(blob)}>
                <figure>
                  <img src={urlOf(blob)} alt={`One of ${label}`} loading="lazy" />
                  <figcaption>
                    thought <b>{predicted}</b> ({percent(probability, 0)}), is {label}
                  </figcaption>
                </figure>
              </li>
            ))}
          </ul>
          {mistakes.length > SHOWN && <p class="hint">And {mistakes.length - SHOWN} more.</p>}
        </>
      )}
      <p class="hint">{unknownWords(result)}</p>
      <Doubts />
      <details>
        <summary>What is taken for what</summary>
        {classes.length <= MATRIX ? (
          <div
            // Safe markup: the report's `html` tag escapes whatever is put into it.
            dangerouslySetInnerHTML={{ __html: confusionMatrix(classes, evaluation.confusion).text }}
          />
        ) : (
          <Pairs result={result} />
        )}
      </details>
    </section>
  );
}

/** How well it recognizes images of none of the classes. */
function unknownWords({ unknown }: Result): string {
  if (!unknown) return 'There are too few images to recognize “none of these”.';
  const { known, unknown: others } = unknown;
  const taken = Math.round(known.called * known.samples);
  const mistaken = `“None of these”: ${taken} of the ${plural(known.samples, 'image')} that were held back ${taken === 1 ? 'is' : 'are'} taken for it`;
  if (others?.from !== 'examples')
    return `${mistaken}. Add examples of it to measure how many of those are recognized.`;
  const { samples, recognised, interval } = others;
  const [low, high] = interval.map((share) => percent(share, 0));
  const right = Math.round(recognised * samples);
  return `${mistaken}, and ${right} of your ${plural(samples, 'example')} ${right === 1 ? 'is' : 'are'} recognized (95% interval ${low} to ${high}).`;
}

/** The most frequent confusions of many classes, and a search among all. */
function Pairs({ result: { classes, evaluation } }: { readonly result: Result }) {
  const query = useSignal('');
  const pairs = useMemo(() => confusedPairs(evaluation.confusion), [evaluation]);
  const found = pairs.filter(({ truth, predicted }) =>
    [truth, predicted].some((place) => isFound(classes[place], query.value)),
  );
  return (
    <div class="pairs">
      <ClassSearch label="Find a class that is confused" query={query} />
      <ul>
        {found.slice(0, PAIRS).map(({ truth, predicted, times, share }) => (
          <li key={`${truth} ${predicted}`}>
            <b>{classes[truth]}</b> taken for <b>{classes[predicted]}</b>: {times} ({percent(share, 0)} of them)
          </li>
        ))}
      </ul>
      <p class="hint" aria-live="polite">
        {found.length > PAIRS
          ? `The ${PAIRS} most frequent of ${plural(found.length, 'pair')}.`
          : plural(found.length, 'pair')}
      </p>
    </div>
  );
}
