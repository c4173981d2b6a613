#include "gateway/http/environment_proxy.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace lakefs::gateway::testing {
namespace {

class EnvironmentProxyTest : public ::testing::Test {
 protected:
  EnvironmentProxyTest() { Clear(); }
  ~EnvironmentProxyTest() override { Clear(); }

  static void Clear() {
    for (const char* name :
         {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
          "no_proxy", "NO_PROXY"}) {
      unsetenv(name);
    }
  }
};

TEST_F(EnvironmentProxyTest, EachSchemeHasItsVariable) {
  EXPECT_EQ(ProxyVariable("http://h/x"), "");
  setenv("HTTPS_PROXY", "http://p:1", 1);
  EXPECT_EQ(ProxyVariable("http://h/x"), "");
  EXPECT_EQ(ProxyVariable("https://h/x"), "HTTPS_PROXY");
  setenv("all_proxy", "http://p:1", 1);
  EXPECT_EQ(ProxyVariable("http://h/x"), "all_proxy");
  setenv("http_proxy", "http://p:1", 1);
  EXPECT_EQ(ProxyVariable("http://h/x"), "http_proxy");
  setenv("http_proxy", "", 1);
  EXPECT_EQ(ProxyVariable("http://h/x"), "all_proxy");
}

TEST_F(EnvironmentProxyTest, WhatNoProxyNamesGoesByItself) {
  setenv("http_proxy", "http://p:1", 1);
  setenv("no_proxy", "localhost, .example.com,10.1.2.3,::1", 1);
  for (const char* url :
       {"http://localhost:80/x", "http://s3.EXAMPLE.com/x",
        "http://example.com?x", "http://10.1.2.3:9000/x", "http://[::1]:1/x"}) {
    EXPECT_EQ(ProxyVariable(url), "") << url;
  }
  for (const char* url : {"http://badexample.com/x", "http://10.1.2.30/x",
                          "http://h/localhost"}) {
    EXPECT_EQ(ProxyVariable(url), "http_proxy") << url;
  }
  setenv("no_proxy", "*", 1);
  EXPECT_EQ(ProxyVariable("http://h/x"), "");
}

}  // namespace
}  // namespace lakefs::gateway::testing
