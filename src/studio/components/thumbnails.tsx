import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { useStudio } from '../context.ts';
import { releaseUrl, urlOf } from '../files/images.ts';
import { titleOf } from '../state/classes.ts';
import type { StudioClass } from '../state/types.ts';
import { focusSoon } from './focus.ts';
import { Icon, type IconName } from './icon.tsx';

/** Images that are shown before one asks for all. */
const SHOWN = 17;

interface Mark {
  readonly look: string;
  /** For screen readers, after the image's place. */
  readonly about: string;
  readonly hint: string;
  readonly icon: IconName;
}

const MARKS: Readonly<Record<'none' | 'unreadable' | 'doubted', Mark>> = {
  none: { look: '', about: '', hint: 'Remove', icon: 'close' },
  unreadable: {
    ...{ look: 'unreadable', about: ', which cannot be read', icon: 'warning' },
    hint: 'This image cannot be read. Remove it',
  },
  doubted: {
    ...{ look: 'doubted', about: ', which may be in the wrong class', icon: 'close' },
    hint: 'This image may be in the wrong class: see Mistakes. Remove it',
  },
};

/** A class's images, each with a button that takes it away. */
export function Thumbnails({ entry }: { readonly entry: StudioClass }) {
  const studio = useStudio();
  const all = useSignal(false);
  const list = useRef<HTMLUListElement>(null);
  const { images } = entry;
  const name = titleOf(entry);
  const unreadable = studio.teaching.unreadable.value;
  const doubted = new Set(studio.doubts.value.map(({ image }) => image.id));
  const shown = all.value || images.length <= SHOWN + 1 ? images : images.slice(0, SHOWN);
  if (!images.length) return null;

  const remove = (index: number) => {
    const { id, blob } = images[index];
    studio.collection.removeImage(entry.id, id);
    releaseUrl(blob);
    // The focus stays in the list, on the image that takes the place, or in the card if that was the last one.
    const card = list.current?.closest('.class');
    focusSoon(() => {
      const buttons = list.current?.querySelectorAll('button');
      return buttons?.[Math.min(index, buttons.length - 1)] ?? card?.querySelector<HTMLElement>('.ways button');
    });
  };
  return (
    <ul class="thumbnails" ref={list} aria-label={`Images of ${name}`}>
      {shown.map(({ id, blob }, i) => {
        const { look, about, hint, icon } =
          MARKS[unreadable.has(id) ? 'unreadable' : doubted.has(id) ? 'doubted' : 'none'];
        return (
          <li key={id} data-image={id} class={look}>
            <img src={urlOf(blob)} alt="" loading="lazy" decoding="async" draggable={false} />
            <button
              type="button"
              aria-label={`Remove image ${i + 1} of ${name}${about}`}
              title={hint}
              onClick={() => remove(i)}
            >
              <Icon name={icon} />
            </button>
          </li>
        );
      })}
      {shown.length < images.length && (
        <li>
          <button
            type="button"
            class="more"
            aria-label={`Show all ${images.length} images of ${name}`}
            onClick={() => {
              all.value = true;
            }}
          >
            +{images.length - shown.length}
          </button>
        </li>
      )}
    </ul>
  );
}
