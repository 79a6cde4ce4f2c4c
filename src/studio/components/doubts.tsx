import { percent } from '../../report/format.ts';
import { useStudio } from '../context.ts';
import { urlOf } from '../files/images.ts';
import { titleOf } from '../state/classes.ts';
import type { OpenDoubt } from '../state/doubts.ts';
import { useKeptFocus } from './focus.ts';
import { Icon } from './icon.tsx';
import { Trouble } from './trouble.tsx';

/** Doubts that are shown at a time. */
const SHOWN = 12;

/** Images that are probably in the wrong class: whoever made the classes moves or keeps them. */
export function Doubts() {
  const { doubts, teaching } = useStudio();
  const open = doubts.value;
  const found = teaching.run.value.doubts;
  const area = useKeptFocus<HTMLDivElement>('button');
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would have a legend
    <div class="doubts" ref={area} tabIndex={-1} role="group" aria-labelledby="doubts-title">
      <h3 id="doubts-title">In the right class?</h3>
      <p class="hint" aria-live="polite">
        {teaching.checking.value
          ? 'Comparing each image with the others of its class …'
          : found && summaryOf(found.length, open.length)}
      </p>
      <Trouble place="doubts" />
      {open.length > 0 && (
        <ul>
          {open.slice(0, SHOWN).map((doubt) => (
            <Question key={doubt.image.id} doubt={doubt} />
          ))}
        </ul>
      )}
      {!found && !teaching.checking.value && (
        <button type="button" class="secondary" onClick={() => teaching.checkClasses()}>
          Check the classes of the images
        </button>
      )}
    </div>
  );
}

function summaryOf(found: number, open: number): string {
  if (!found) return 'No image looks as if it were in the wrong class.';
  if (!open) return 'You have decided on all of them. Train again if you have moved some.';
  const more = open > SHOWN ? ` These are the ${SHOWN} least likely ones.` : '';
  return `${open === 1 ? '1 image looks' : `${open} images look`} more like another class. You decide.${more}`;
}

function Question({ doubt: { image, from, to, probability } }: { readonly doubt: OpenDoubt }) {
  const { collection } = useStudio();
  const others = collection.classes.value.filter(({ id }) => id !== from.id && id !== to?.id);
  const move = (target: string) => collection.moveImage(image.id, from.id, target);
  return (
    <li>
      <img src={urlOf(image.blob)} alt={`One of ${from.name}`} loading="lazy" />
      <div>
        <p>
          Is this really <b>{from.name}</b>?
          {to && (
            <small>
              It looks like {to.name} ({percent(probability, 0)}).
            </small>
          )}
        </p>
        <div class="row">
          {to && (
            <button type="button" class="secondary" onClick={() => move(to.id)}>
              Move to {to.name}
            </button>
          )}
          <button type="button" class="quiet" onClick={() => collection.confirm(image.id)}>
            <Icon name="check" />
            Keep
            <span class="unseen"> in {from.name}</span>
          </button>
          {others.length > 0 && (
            <select
              aria-label={`Move this image of ${from.name} to another class`}
              value=""
              onChange={({ currentTarget }) => move(currentTarget.value)}
            >
              <option value="" disabled>
                Another class
              </option>
              {others.map((other) => (
                <option key={other.id} value={other.id}>
                  {titleOf(other)}
                </option>
              ))}
            </select>
          )}
        </div>
      </div>
    </li>
  );
}
