const base = {
  roots: [
    '<rootDir>/src',
    '<rootDir>/workflows',
    '<rootDir>/activities',
    '<rootDir>/migrations',
    '<rootDir>/checkout',
    '<rootDir>/bench',
    '<rootDir>/chaos',
  ],
  transform: {
    '^.+\\.[cm]?[jt]sx?$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  transformIgnorePatterns: ['/node_modules/(?!(jose)/)'],
};
const services = ['\\.(pg|temporal|e2e|bank)\\.test\\.ts$', '/routes\\.test\\.ts$'];
const browser = '\\.browser\\.test\\.ts$';

export default {
  testTimeout: 30_000,
  projects: [
    { ...base, displayName: 'unit', testPathIgnorePatterns: ['/node_modules/', ...services, browser] },
    {
      ...base,
      displayName: 'services',
      testRegex: [...services, browser],
      globalSetup: '<rootDir>/src/testing/global-setup.ts',
      globalTeardown: '<rootDir>/src/testing/global-teardown.ts',
    },
  ],
};
