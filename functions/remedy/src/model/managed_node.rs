//! Instances that a scheduler fills with other people's work: it drains them, ends them and
//! starts new ones. Who they are is told by the tags that AWS and the tools set.

use std::collections::BTreeMap;
use std::fmt;

/// The tag of an instance or of its group by which its owner lets nodes of some kinds be
/// disrupted all the same, such as `kubernetes ecs`.
pub const MANAGED_TAG: &str = "auto-remediation-managed";

/// Whose node an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagedBy {
    /// A cluster of AWS Batch. Its nodes are ECS's or Kubernetes's too.
    Batch,
    /// A cluster of Kubernetes: of EKS, kops, Karpenter, Cluster API or its owner's own.
    Kubernetes,
    /// A cluster of Amazon ECS.
    Ecs,
    /// A cluster of Amazon EMR.
    Emr,
    /// An environment of AWS Elastic Beanstalk.
    Beanstalk,
}

impl ManagedBy {
    /// All of them. The first that an instance belongs to is the one that is told.
    pub const ALL: [Self; 5] =
        [Self::Batch, Self::Kubernetes, Self::Ecs, Self::Emr, Self::Beanstalk];

    /// The word for it, in tags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Kubernetes => "kubernetes",
            Self::Ecs => "ecs",
            Self::Emr => "emr",
            Self::Beanstalk => "beanstalk",
        }
    }

    /// What would do properly what a disruption does roughly.
    pub fn properly(self) -> &'static str {
        match self {
            Self::Batch => "let its jobs end and have AWS Batch scale its compute environment in",
            Self::Kubernetes => "drain the node with kubectl, and have its node group replace it",
            Self::Ecs => "set the container instance to DRAINING, and end it when it is empty",
            Self::Emr => "have EMR replace the node, or resize its instance group",
            Self::Beanstalk => "have Elastic Beanstalk restart its servers or rebuild them",
        }
    }

    /// The keys of the tags by which its nodes are known. One that ends in `/` or `:` is
    /// what keys begin with.
    fn keys(self) -> &'static [&'static str] {
        match self {
            // The AWS managed policy BatchServiceRolePolicy: `aws:RequestTag/AWSBatchServiceTag`.
            Self::Batch => &["AWSBatchServiceTag"],
            Self::Kubernetes => &[
                // EKS user guide, "Self-managed nodes": `kubernetes.io/cluster/NAME` = `owned`.
                "kubernetes.io/cluster/",
                // What kops and the cloud provider of old set ("KubernetesCluster").
                "KubernetesCluster",
                "k8s.io/role/",
                // The cluster autoscaler's README for AWS: it finds its groups by these.
                "k8s.io/cluster-autoscaler/",
                // The AWS managed policies AWSServiceRoleForAmazonEKSNodegroup
                // (`eks:nodegroup-name`) and AmazonEKSComputePolicy (`eks:eks-cluster-name`).
                "eks:",
                // Karpenter's documentation: `karpenter.sh/nodepool`.
                "karpenter.sh/",
                // Cluster API's provider for AWS.
                "sigs.k8s.io/cluster-api-provider-aws/",
            ],
            // ECS developer guide, capacity providers: set on the group, and on its members.
            Self::Ecs => &["AmazonECSManaged"],
            // EMR management guide: `aws:elasticmapreduce:job-flow-id` on every node.
            Self::Emr => &["aws:elasticmapreduce:"],
            // The AWS managed policies of Elastic Beanstalk:
            // `aws:ResourceTag/elasticbeanstalk:environment-id`.
            Self::Beanstalk => &["elasticbeanstalk:"],
        }
    }

    fn marks(self, key: &str) -> bool {
        self.keys().iter().any(|known| match known.strip_suffix(['/', ':']) {
            Some(_) => key.starts_with(known),
            None => key == *known,
        })
    }

    /// Whose node it is, where `tags` are its own and its group's, unless they let nodes of its
    /// kind be.
    pub fn of_tags(tags: &[&BTreeMap<String, String>]) -> Option<Self> {
        let is_word = |text: &str, word: &str| {
            text.split(|c: char| !c.is_ascii_alphanumeric()).any(|other| other == word)
        };
        let lets_be = |by: Self| {
            let lets = |text: &String| is_word(text, by.name());
            tags.iter().filter_map(|tags| tags.get(MANAGED_TAG)).any(lets)
        };
        let marked = |by: Self| tags.iter().flat_map(|tags| tags.keys()).any(|key| by.marks(key));
        Self::ALL.into_iter().find(|by| marked(*by) && !lets_be(*by))
    }
}

impl fmt::Display for ManagedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Batch => "AWS Batch",
            Self::Kubernetes => "Kubernetes",
            Self::Ecs => "Amazon ECS",
            Self::Emr => "Amazon EMR",
            Self::Beanstalk => "Elastic Beanstalk",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_node_is_known_by_its_tags_and_by_its_groups() {
        for (key, by) in [
            ("kubernetes.io/cluster/shop", ManagedBy::Kubernetes),
            ("eks:nodegroup-name", ManagedBy::Kubernetes),
            ("eks:eks-cluster-name", ManagedBy::Kubernetes),
            ("karpenter.sh/nodepool", ManagedBy::Kubernetes),
            ("k8s.io/cluster-autoscaler/enabled", ManagedBy::Kubernetes),
            ("k8s.io/role/node", ManagedBy::Kubernetes),
            ("KubernetesCluster", ManagedBy::Kubernetes),
            ("sigs.k8s.io/cluster-api-provider-aws/cluster/shop", ManagedBy::Kubernetes),
            ("AmazonECSManaged", ManagedBy::Ecs),
            ("aws:elasticmapreduce:job-flow-id", ManagedBy::Emr),
            ("elasticbeanstalk:environment-id", ManagedBy::Beanstalk),
            ("AWSBatchServiceTag", ManagedBy::Batch),
        ] {
            let (marked, plain) = (tagged(&[(key, "x")]), tagged(&[("Name", key)]));
            assert_eq!(ManagedBy::of_tags(&[&marked]), Some(by), "{key}");
            assert_eq!(ManagedBy::of_tags(&[&plain, &marked]), Some(by), "{key} of its group");
            assert_eq!(ManagedBy::of_tags(&[&plain]), None, "a value is no mark");
            let let_be = tagged(&[(MANAGED_TAG, by.name())]);
            assert_eq!(ManagedBy::of_tags(&[&let_be, &marked]), None, "{key} let be");
        }
        for other in ["kubernetes.io/clusters", "MyAmazonECSManaged", "seks:x", "karpenter"] {
            assert_eq!(ManagedBy::of_tags(&[&tagged(&[(other, "x")])]), None, "{other}");
        }
    }

    #[test]
    fn each_kind_is_let_be_by_its_own_word() {
        let node = |word: &str| tagged(&[("eks:cluster-name", "shop"), (MANAGED_TAG, word)]);
        for word in ["kubernetes", "ecs kubernetes", "ecs,kubernetes", "kubernetes/emr"] {
            assert_eq!(ManagedBy::of_tags(&[&node(word)]), None, "{word}");
        }
        for word in ["", "ecs", "yes", "Kubernetes", "kubernetes2"] {
            assert_eq!(ManagedBy::of_tags(&[&node(word)]), Some(ManagedBy::Kubernetes), "{word}");
        }
        let both = tagged(&[("eks:cluster-name", "x"), ("AWSBatchServiceTag", "batch")]);
        let let_be = tagged(&[(MANAGED_TAG, "kubernetes")]);
        assert_eq!(ManagedBy::of_tags(&[&both, &let_be]), Some(ManagedBy::Batch), "both must");
    }
}
