/** A crystal that lets go of a drop: the report's mark. */
export const Brand = () => (
  <svg class="mark" viewBox="0 0 26 26" aria-hidden="true">
    <path class="crystal" d="M13 1.5v23M3 7.2l20 11.6M23 7.2 3 18.8M13 6l-3-3M13 6l3-3M6.9 9.4 3 10.6M6.9 9.4 6 5.4" />
    <path class="drop" d="M17.5 11.5c2.8 3.6 4.6 6 4.6 8.3a4.6 4.6 0 0 1-9.2 0c0-2.3 1.8-4.7 4.6-8.3z" />
  </svg>
);
