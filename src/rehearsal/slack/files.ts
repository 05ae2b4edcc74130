import { ApiError, type Method } from './api-error.ts';
import { channelOf, postAsBot } from './chat.ts';
import { isObject, list, str } from './json.ts';
import type { Workspace } from './workspace.ts';

/**
 * Keeps the bytes that came to an upload address.
 * @returns false when the address was never given out
 */
export async function receiveUpload(
  workspace: Workspace,
  id: string,
  body: Buffer,
  contentType: string,
): Promise<boolean> {
  const upload = workspace.uploads.get(id);
  if (!upload) return false;
  upload.content = contentType.startsWith('multipart/') ? await firstPart(body, contentType) : body;
  workspace.changed();
  return true;
}

async function firstPart(body: Buffer, contentType: string): Promise<Buffer> {
  const form = await new Response(new Uint8Array(body), {
    headers: { 'content-type': contentType },
  }).formData();
  for (const part of form.values()) {
    return typeof part === 'string' ? Buffer.from(part) : Buffer.from(await part.arrayBuffer());
  }
  return Buffer.alloc(0);
}

/** The three steps of an upload: an address, the bytes (see receiveUpload), the sharing. */
export function fileMethods(workspace: Workspace): Record<string, Method> {
  return {
    'files.getUploadURLExternal': (args) => {
      const filename = str(args['filename']);
      if (filename === '' || !(Number(args['length']) > 0)) throw new ApiError('invalid_arguments');
      const id = workspace.nextId('F');
      workspace.uploads.set(id, { id, filename, content: undefined });
      return { upload_url: `${workspace.origin}/upload/${id}`, file_id: id };
    },
    'files.completeUploadExternal': (args) => {
      const files = list(args['files'])
        .filter(isObject)
        .map((wanted) => {
          const upload = workspace.uploads.get(str(wanted['id']));
          if (!upload?.content) throw new ApiError('file_not_found');
          return {
            id: upload.id,
            name: upload.filename,
            title: str(wanted['title']) || upload.filename,
            size: upload.content.length,
          };
        });
      if (files.length === 0) throw new ApiError('invalid_arguments');
      const shared = str(args['channel_id']);
      if (shared !== '') {
        const threadTs = str(args['thread_ts']);
        const channel = channelOf(workspace, shared);
        postAsBot(workspace, {
          channel: channel.id,
          text: str(args['initial_comment']),
          files,
          threadTs: threadTs === '' ? undefined : threadTs,
        });
      }
      return { files };
    },
  };
}
