// Bell is the mark of Carillon.
export function Bell() {
  return (
    <svg className="bell" viewBox="0 0 24 24" aria-hidden="true">
      <path d="M12 3a1.5 1.5 0 0 0-1.5 1.5v.6C7.9 5.8 6.3 8 6.3 10.8c0 3.8-1.2 5.2-2.2 6.3-.4.5-.1 1.2.5 1.2h14.8c.6 0 .9-.7.5-1.2-1-1.1-2.2-2.5-2.2-6.3 0-2.8-1.6-5-4.2-5.7v-.6A1.5 1.5 0 0 0 12 3z" />
      <circle cx="12" cy="20.2" r="1.7" />
    </svg>
  );
}
