import { useEffect, useRef } from 'preact/hooks';
import { useStudio } from '../context.ts';
import type { Place } from '../state/types.ts';
import { Icon } from './icon.tsx';

/** An error at a place, and how to fix it; screen readers announce it. */
export function Trouble({ place }: { readonly place: Place }) {
  const { board } = useStudio();
  const problem = board.problems.value[place];
  const alert = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // On a small screen the button that was pressed may be far from what it lacks.
    if (problem) alert.current?.scrollIntoView({ block: 'nearest' });
  }, [problem]);
  return (
    <div role="alert" ref={alert}>
      {problem && (
        <div class="trouble">
          <Icon name="warning" />
          <p>
            <strong>{problem.message}</strong> {problem.hint}
          </p>
          <button type="button" class="bare" aria-label="Close this message" onClick={() => board.clear(place)}>
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  );
}
