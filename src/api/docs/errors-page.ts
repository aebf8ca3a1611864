import { ERRORS, type Reason } from '../../domain/errors.ts';
import { escapeHtml, page } from '../html.ts';

/** Every reason of the catalogue with an anchor of its own: where `doc_url` points. */
export function errorsPage(): string {
  const rows = (Object.keys(ERRORS) as Reason[]).map(row).join('\n');
  return page({
    title: 'PayFlow errors',
    head: '<link rel="stylesheet" href="/docs/assets/docs.css">',
    body: `<main>
<h1>Errors</h1>
<p>Every error answer has a <code>detail</code> and an <code>error</code> object with the <code>reason</code>,
the <code>request_id</code> and a <code>doc_url</code> that leads here. Where the status is 200, the payment
itself failed and its <code>error_reason</code> says why.</p>
<table>
<thead><tr><th scope="col">Reason</th><th scope="col">Status</th><th scope="col">Meaning</th>
<th scope="col">Code</th><th scope="col">Source</th><th scope="col">Step</th></tr></thead>
<tbody>
${rows}
</tbody>
</table>
</main>`,
  });
}

function row(reason: Reason): string {
  const { status, text, code, source, step } = ERRORS[reason];
  const cells = [String(status), text, code, source, step]
    .map((cell) => `<td>${escapeHtml(cell)}</td>`)
    .join('');
  return `<tr id="${reason}"><th scope="row"><a href="#${reason}"><code>${reason}</code></a></th>${cells}</tr>`;
}
