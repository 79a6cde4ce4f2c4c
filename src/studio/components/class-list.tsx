import { useSignal } from '@preact/signals';
import { count } from '../../report/format.ts';
import { useStudio } from '../context.ts';
import { titleOf } from '../state/classes.ts';
import { ClassCard } from './class-card.tsx';
import { ClassSearch, isFound } from './class-search.tsx';

/** Cards of a page. More classes have a search. */
const PAGE = 24;

/** The classes, a page of them at a time. */
export function ClassList({ page }: { readonly page: { value: number } }) {
  const { classes } = useStudio().collection;
  const query = useSignal('');
  const all = classes.value;
  const many = all.length > PAGE;
  const found = [...all.entries()].filter(([, entry]) => !many || isFound(titleOf(entry), query.value));
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  const current = Math.min(page.value, pages - 1);
  const from = current * PAGE;
  const shown = found.slice(from, from + PAGE);
  return (
    <>
      {many && (
        <div class="finder">
          <ClassSearch
            label="Find a class"
            query={query}
            onSearch={() => {
              page.value = 0;
            }}
          />
          <Pager page={page} current={current} pages={pages} />
          <p class="hint" aria-live="polite">
            {found.length
              ? `${count(from + 1)} to ${count(from + shown.length)} of ${count(found.length)} classes`
              : 'No class has this name.'}
          </p>
        </div>
      )}
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset would have a legend */}
      <div class="classes" tabIndex={-1} role="group" aria-label="Classes">
        {shown.map(([i, entry]) => (
          <ClassCard key={entry.id} entry={entry} index={i} />
        ))}
      </div>
    </>
  );
}

interface PagerProps {
  readonly page: { value: number };
  readonly current: number;
  readonly pages: number;
}

function Pager({ page, current, pages }: PagerProps) {
  const turn = (by: number) => () => {
    page.value = current + by;
  };
  return (
    <div class="row">
      <button type="button" class="quiet" disabled={current === 0} onClick={turn(-1)}>
        Previous
      </button>
      <button type="button" class="quiet" disabled={current + 1 >= pages} onClick={turn(1)}>
        Next
      </button>
    </div>
  );
}
