/**
 * A mail's own HTML in a frame. The frame runs no script and has the page's policy, so nothing in it asks anybody for
 * anything. That policy takes no style that stands in markup either: it is put on by hand, as a style object.
 */
export function openMail(frame) {
  if (frame.srcdoc !== '') return;
  const mail = new DOMParser().parseFromString(
    // Renamed before it is parsed: what is not there cannot be refused.
    frame.dataset.html
      .replace(/\sstyle="/gi, ' data-style="')
      .replace(/<(\/?)style\b/gi, '<$1template data-rules'),
    'text/html',
  );
  const rules = [...mail.querySelectorAll('template[data-rules]')].map((one) => one.innerHTML).join('\n');
  frame.addEventListener(
    'load',
    () => {
      const inner = frame.contentDocument;
      const sheet = new frame.contentWindow.CSSStyleSheet();
      sheet.replaceSync(rules);
      inner.adoptedStyleSheets = [sheet];
      for (const one of inner.querySelectorAll('[data-style]')) one.style.cssText = one.dataset.style;
    },
    { once: true },
  );
  frame.srcdoc = `<!doctype html>${mail.documentElement.outerHTML}`;
}
