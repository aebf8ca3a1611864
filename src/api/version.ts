export const SERVICE = 'PayFlow Gateway';
export const VERSION = '3.0.0';
