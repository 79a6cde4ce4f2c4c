import { confusionMatrix } from '../../report/charts/index.ts';
import { percent, plural } from '../../report/format.ts';
import { useStudio } from '../context.ts';
import { urlOf } from '../files/images.ts';
import { score } from './words.ts';

/** Mistakes that are shown at most; the surest come first. */
const SHOWN = 24;

/** The validation images that the model gets wrong. */
export function MistakesSection() {
  const result = useStudio().teaching.result.value;
  if (!result) return null;
  const { mistakes, classes, evaluation } = result;
  const { all } = score(result);
  return (
    <section id="mistakes" aria-labelledby="mistakes-title">
      <h2 id="mistakes-title">
        <span class="number">4</span> Mistakes
      </h2>
      {mistakes.length === 0 ? (
        <p class="lead">
          None among the {plural(all, 'image')} that were held back from the training. Try harder ones above.
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
      <details>
        <summary>What is taken for what</summary>
        <div
          // Safe markup: the report's `html` tag escapes whatever is put into it.
          dangerouslySetInnerHTML={{ __html: confusionMatrix(classes, evaluation.confusion).text }}
        />
      </details>
    </section>
  );
}
