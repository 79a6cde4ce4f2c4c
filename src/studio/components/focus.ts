import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

/** Whether the keys still reach it. */
const holdsFocus = (area: Element): boolean => {
  const { activeElement } = document;
  return area.contains(activeElement) && !activeElement!.matches(':disabled');
};

/**
 * Keeps the focus in an area when a change takes away or disables what has it.
 *
 * @param target a selector of what in the area gets it; without one, or if there is none, the area itself, which needs a `tabIndex`
 */
export function useKeptFocus<T extends HTMLElement>(target?: string): RefObject<T | null> {
  const area = useRef<T>(null);
  // Before the change reaches the page.
  const had = area.current !== null && holdsFocus(area.current);
  useLayoutEffect(() => {
    const { current } = area;
    if (!had || !current || holdsFocus(current)) return;
    const next = target === undefined ? null : current.querySelector<HTMLElement>(target);
    (next ?? current).focus({ preventScroll: true });
  });
  return area;
}

/** Moves the focus once the page shows a change. */
export const focusSoon = (find: () => HTMLElement | null | undefined): void =>
  void requestAnimationFrame(() => find()?.focus());
